use std::rc::Rc;

fn main() {
    //~v without a code
    drop(executor::spawn(async {
        let stays_here = Rc::new(7);
        executor::yield_now().await;
        assert_eq!(*stays_here, 7);
    }));
}
