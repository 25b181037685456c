//! The function that an attribute stands at.

use crate::{Attribute, Mistake, path_at, settings::Settings};
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// An async function without parameters, in its parts:
///
/// ```text
///   #[attributes] pub async fn name() -> Output { body }
///   └─ attributes ┘└vis┘└─────── signature ───┘ └ body ┘
/// ```
pub(crate) struct Function {
    attributes: Vec<TokenTree>,
    visibility: Vec<TokenTree>,
    /// From `async` on.
    signature: Vec<TokenTree>,
    name: Ident,
    body: Group,
}

impl Function {
    pub(crate) fn parse(item: TokenStream, attribute: Attribute) -> Result<Function, Mistake> {
        let mut tokens: Vec<_> = item.into_iter().collect();
        let place = |tokens: &[TokenTree], word: &str| {
            let is_it =
                |token: &TokenTree| matches!(token, TokenTree::Ident(i) if i.to_string() == word);
            tokens.iter().position(is_it)
        };
        let what = format!("`#[executor::{}]` is for async functions", attribute.name());
        let Some(keyword) = place(&tokens, "fn") else {
            return Err(Mistake::new(Span::call_site(), what));
        };
        let Some(TokenTree::Group(body)) = tokens.pop() else {
            return Err(Mistake::new(Span::call_site(), what));
        };
        let qualifiers = place(&tokens[..keyword], "async");
        let Some(begin) = qualifiers else {
            let text = format!("{what}: this one lacks the word `async`");
            return Err(Mistake::new(tokens[keyword].span(), text));
        };
        let Some(TokenTree::Ident(name)) = tokens.get(keyword + 1).cloned() else {
            return Err(Mistake::new(Span::call_site(), what));
        };
        check_parameters(&tokens[keyword + 2..], attribute)?;
        let signature = tokens.split_off(begin);
        let visibility = tokens.split_off(end_of_attributes(&tokens));
        if attribute == Attribute::Test {
            check_attributes(&tokens)?;
        }
        Ok(Function {
            attributes: tokens,
            visibility,
            signature,
            name,
            body,
        })
    }

    /// The function that runs this one; see the crate's text.
    pub(crate) fn into_blocking(self, settings: &Settings, attribute: Attribute) -> TokenStream {
        let mut output = TokenStream::new();
        if attribute == Attribute::Test {
            output.extend(test_attribute());
        }
        output.extend(self.attributes);
        output.extend(self.visibility);
        let is_async =
            |token: &TokenTree| matches!(token, TokenTree::Ident(i) if i.to_string() == "async");
        output.extend(
            self.signature
                .iter()
                .filter(|token| !is_async(token))
                .cloned(),
        );
        let body_span = self.body.span();
        let mut inner: TokenStream = self.signature.into_iter().collect();
        inner.extend([TokenTree::from(self.body)]);
        inner.extend(call(&self.name, settings, attribute));
        let mut body = Group::new(Delimiter::Brace, inner);
        body.set_span(body_span);
        output.extend([TokenTree::from(body)]);
        output
    }
}

/// `::executor::__macros::main(workers, name())`; or, of a test that is simulated,
/// `::executor::__macros::simulate(place, workers, seeds, name)`.
fn call(name: &Ident, settings: &Settings, attribute: Attribute) -> TokenStream {
    let called = match settings.simulation {
        Some(_) => "simulate",
        None => attribute.name(),
    };
    let mut arguments = TokenStream::new();
    let mut argument = |tokens: TokenStream| {
        arguments.extend(tokens);
        arguments.extend([TokenTree::from(Punct::new(',', Spacing::Alone))]);
    };
    match &settings.simulation {
        None => {
            argument(option(&settings.workers));
            argument(
                [name.clone().into(), group(TokenStream::new())]
                    .into_iter()
                    .collect(),
            );
        }
        Some(simulation) => {
            argument(place(name, settings));
            argument(option(&settings.workers));
            argument(option(&simulation.seeds));
            argument(TokenTree::from(name.clone()).into());
        }
    }
    let mut call = settings.krate.clone();
    call.extend(path_at("::__macros::", Span::call_site()));
    call.extend([
        Ident::new(called, Span::call_site()).into(),
        group(arguments),
    ]);
    call
}

/// `::executor::__place!("name")`: which test this is.
fn place(name: &Ident, settings: &Settings) -> TokenStream {
    let mut place = settings.krate.clone();
    place.extend(path_at("::__place", Span::call_site()));
    let name = Literal::string(&name.to_string());
    place.extend([
        Punct::new('!', Spacing::Alone).into(),
        group(TokenTree::from(name).into()),
    ]);
    place
}

/// `(tokens)`.
fn group(tokens: TokenStream) -> TokenTree {
    Group::new(Delimiter::Parenthesis, tokens).into()
}

/// `::core::option::Option::Some(4)`, or `…::None`.
fn option(number: &Option<TokenTree>) -> TokenStream {
    let Some(number) = number.clone() else {
        return path_at("::core::option::Option::None", Span::call_site());
    };
    let mut some = path_at("::core::option::Option::Some", Span::call_site());
    some.extend([group(number.into())]);
    some
}

/// `#[::core::prelude::v1::test]`.
fn test_attribute() -> [TokenTree; 2] {
    let path = path_at("::core::prelude::v1::test", Span::call_site());
    [
        Punct::new('#', Spacing::Alone).into(),
        Group::new(Delimiter::Bracket, path).into(),
    ]
}

/// The number of tokens that the attributes in front of a function have.
fn end_of_attributes(tokens: &[TokenTree]) -> usize {
    let is_attribute = |pair: &&[TokenTree]| {
        matches!(&pair[0], TokenTree::Punct(p) if p.as_char() == '#')
            && matches!(&pair[1], TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket)
    };
    2 * tokens.chunks_exact(2).take_while(is_attribute).count()
}

/// A test that is one already would run twice.
fn check_attributes(attributes: &[TokenTree]) -> Result<(), Mistake> {
    for token in attributes {
        if let TokenTree::Group(group) = token
            && group.stream().to_string() == "test"
        {
            let text = "`#[executor::test]` makes a test of the function: remove `#[test]`";
            return Err(Mistake::new(group.span(), text));
        }
    }
    Ok(())
}

/// What stands behind the name begins with the parameters, which there must be none of.
fn check_parameters(behind_name: &[TokenTree], attribute: Attribute) -> Result<(), Mistake> {
    let what = match attribute {
        Attribute::Main => "`main`",
        Attribute::Test => "a test",
    };
    match behind_name.first() {
        Some(TokenTree::Group(parameters)) if parameters.stream().is_empty() => Ok(()),
        Some(TokenTree::Group(parameters)) => {
            let text = format!("{what} has no parameters: nobody calls it with any");
            Err(Mistake::new(parameters.span(), text))
        }
        other => {
            let span = other.map_or_else(Span::call_site, TokenTree::span);
            let text = format!("{what} has no type parameters: nobody calls it with any");
            Err(Mistake::new(span, text))
        }
    }
}

/// The item without the word `async` in front of `fn`, and with an empty body that never returns:
/// it has been found wrong, and is to cause no further messages.
pub(crate) fn without_async(item: TokenStream) -> TokenStream {
    let mut tokens: Vec<_> = item.into_iter().collect();
    let word = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
    let Some(keyword) = tokens.iter().position(|token| word(token, "fn")) else {
        return tokens.into_iter().collect();
    };
    if let Some(begin) = tokens[..keyword]
        .iter()
        .position(|token| word(token, "async"))
    {
        tokens.remove(begin);
    }
    if let Some(TokenTree::Group(body)) = tokens.last_mut()
        && body.delimiter() == Delimiter::Brace
    {
        let never = path_at("::core::unreachable", Span::call_site());
        let mut inner: TokenStream = never;
        inner.extend([
            TokenTree::from(Punct::new('!', Spacing::Alone)),
            TokenTree::from(Group::new(Delimiter::Parenthesis, TokenStream::new())),
        ]);
        *body = Group::new(Delimiter::Brace, inner);
    }
    tokens.into_iter().collect()
}
