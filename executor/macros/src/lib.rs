//! The attributes of the crate `executor`, which re-exports and documents them.
//!
//! They leave the function as it is, and put it inside of one that is not async:
//!
//! ```text
//! #[executor::main(workers = 4)]         fn main() -> Output {
//! async fn main() -> Output {                async fn main() -> Output { body }
//!     body                          ─►       ::executor::__macros::main(Some(4), main())
//! }                                      }
//! ```
//!
//! A test that is simulated is run again and again, so the function itself is handed over:
//! `simulate(__place!("name"), workers, seeds, name)`.
//!
//! So what the compiler has to say of the body, it says as of any async function, and at its place.
//! What the attributes themselves object to is a `compile_error!` with the span of the token that
//! they object to. All that needs is `proc_macro`: no crate comes along.

mod function;
mod settings;

use function::Function;
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use settings::Settings;

/// See `executor::main`.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, Attribute::Main)
}

/// See `executor::test`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, Attribute::Test)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Main,
    Test,
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Attribute::Main => "main",
            Attribute::Test => "test",
        }
    }
}

/// What is wrong, and where.
struct Mistake {
    span: Span,
    text: String,
}

impl Mistake {
    fn new(span: Span, text: impl Into<String>) -> Mistake {
        let text = text.into();
        Mistake { span, text }
    }

    /// `::core::compile_error! { "text" }`, all of it at the place of the mistake.
    fn into_tokens(self) -> TokenStream {
        let text = TokenTree::from(Literal::string(&self.text));
        let braces = Group::new(Delimiter::Brace, TokenStream::from(text));
        let mut tokens = path_at("::core::compile_error", self.span);
        tokens.extend([
            TokenTree::from(Punct::new('!', Spacing::Alone)),
            TokenTree::from(braces),
        ]);
        let at_the_mistake = |mut token: TokenTree| {
            if let TokenTree::Group(group) = &token {
                let with_span = |mut token: TokenTree| {
                    token.set_span(self.span);
                    token
                };
                let inner = group.stream().into_iter().map(with_span).collect();
                token = Group::new(group.delimiter(), inner).into();
            }
            token.set_span(self.span);
            token
        };
        tokens.into_iter().map(at_the_mistake).collect()
    }
}

/// A path such as `::core::compile_error`, as tokens with that span.
fn path_at(path: &str, span: Span) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (i, name) in path.split("::").enumerate() {
        if i > 0 {
            let colons = [Spacing::Joint, Spacing::Alone];
            tokens.extend(colons.map(|spacing| TokenTree::from(Punct::new(':', spacing))));
        }
        if !name.is_empty() {
            tokens.extend([TokenTree::from(Ident::new(name, span))]);
        }
    }
    tokens
}

fn expand(arguments: TokenStream, item: TokenStream, attribute: Attribute) -> TokenStream {
    match try_to_expand(arguments, item.clone(), attribute) {
        Ok(tokens) => tokens,
        Err(mistake) => {
            // With the function itself, so that nothing else is missing. It may be async where it
            // must not be, which is the mistake and needs no second message.
            let mut tokens = mistake.into_tokens();
            tokens.extend(function::without_async(item));
            tokens
        }
    }
}

fn try_to_expand(
    arguments: TokenStream,
    item: TokenStream,
    attribute: Attribute,
) -> Result<TokenStream, Mistake> {
    let settings = Settings::parse(arguments, attribute)?;
    let function = Function::parse(item, attribute)?;
    Ok(function.into_blocking(&settings, attribute))
}
