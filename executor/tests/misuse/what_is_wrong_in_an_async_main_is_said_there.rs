#[executor::main(workers = 2)]
async fn main() -> Result<(), String> {
    let seven: Result<u32, String> = executor::spawn(async { Ok(7) }).await.unwrap();
    seven //~ E0308
}
