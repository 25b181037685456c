fn main() {
    let local = String::from("gone before the task is");
    drop(executor::spawn(async { local.len() })); //~ E0373
}
