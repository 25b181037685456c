fn main() {
    let task = executor::spawn(async { 7 });
    executor::block_on(task.cancel());
    executor::block_on(task).unwrap(); //~ E0382
}
