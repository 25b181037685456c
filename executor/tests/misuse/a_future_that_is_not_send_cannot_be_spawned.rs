use std::{future::ready, rc::Rc};

fn main() {
    let stays_here = ready(Rc::new(7));
    drop(executor::spawn(stays_here)); //~ E0277
}
