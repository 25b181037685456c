fn main() {
    let own = executor::Executor::new().unwrap();
    drop((own.clone(), own)); //~ E0599
}
