fn main() {
    println!("hello from Rust in a keep");
    for argument in std::env::args().skip(1) {
        println!("argument: {argument}");
    }
}
