//! sqlx with its feature `runtime-tokio`, on SQLite: statements run on a thread of each connection's
//! own, and what needs the runtime are the pool and its timers.

mod common;

use common::{Result, assert_is_on_our_threads, panic_of, run_inside_tokio};
use executor::JoinSet;
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use std::time::Duration;

const TASKS: i64 = 50;

/// A database in memory that all connections share. There is one for each name.
fn url(name: &str) -> String {
    format!("sqlite:file:{name}?mode=memory&cache=shared")
}

async fn add(pool: SqlitePool, number: i64) -> Result {
    let mut transaction = pool.begin().await?;
    let insert = sqlx::query("INSERT INTO numbers VALUES (?)").bind(number);
    insert.execute(&mut *transaction).await?;
    transaction.commit().await?;
    assert_is_on_our_threads();
    Ok(())
}

#[test]
fn bare_its_pool_panics() {
    let text = panic_of(async {
        SqlitePool::connect(&url("bare")).await?;
        Ok(())
    });
    assert_eq!(text, "this functionality requires a Tokio context");
}

#[test]
fn through_the_bridge_a_pool_is_shared_by_our_tasks() {
    run_inside_tokio(async {
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect(&url("bridge")).await?;
        sqlx::query("CREATE TABLE numbers (number INTEGER)")
            .execute(&pool)
            .await?;
        let tasks: JoinSet<_> = (0..TASKS).map(|number| add(pool.clone(), number)).collect();
        tasks.join_all().await.into_iter().collect::<Result>()?;
        let sum = sqlx::query_scalar("SELECT sum(number) FROM numbers").fetch_one(&pool);
        let sum: i64 = sum.await?;
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
        pool.close().await;
        Ok(())
    });
}

#[test]
fn through_the_bridge_who_waits_too_long_for_a_connection_is_told() {
    run_inside_tokio(async {
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.acquire_timeout(Duration::from_millis(20));
        let pool = pool.connect(&url("waits")).await?;
        let _only_one = pool.acquire().await?;
        let error = pool.acquire().await.expect_err("there is one");
        assert!(matches!(error, sqlx::Error::PoolTimedOut), "{error}");
        Ok(())
    });
}
