fn main() {
    executor::block_on(7); //~ E0277
}
