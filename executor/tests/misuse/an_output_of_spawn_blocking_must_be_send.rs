use std::rc::Rc;

fn main() {
    drop(executor::spawn_blocking(|| Rc::new(7))); //~ E0277
}
