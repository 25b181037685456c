use std::rc::Rc;

fn main() {
    let own = executor::Executor::new().unwrap();
    drop(own.spawn(async { Rc::new(7) })); //~ E0277
}
