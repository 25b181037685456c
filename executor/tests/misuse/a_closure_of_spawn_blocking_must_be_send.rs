use std::rc::Rc;

fn main() {
    let stays_here = Rc::new(7);
    let call = move || assert_eq!(*stays_here, 7);
    drop(executor::Handle::current().spawn_blocking(call)); //~ E0277
}
