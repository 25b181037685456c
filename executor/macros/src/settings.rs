//! What stands in the parentheses of an attribute.

use crate::{Attribute, Mistake, path_at};
use proc_macro::{Span, TokenStream, TokenTree};

/// See the module's text.
pub(crate) struct Settings {
    /// A literal.
    pub(crate) workers: Option<TokenTree>,
    pub(crate) simulation: Option<Simulation>,
    /// The path of the crate `executor`.
    pub(crate) krate: TokenStream,
}

/// `simulate`, of tests alone.
pub(crate) struct Simulation {
    /// A literal.
    pub(crate) seeds: Option<TokenTree>,
}

impl Settings {
    pub(crate) fn parse(arguments: TokenStream, attribute: Attribute) -> Result<Settings, Mistake> {
        let (mut workers, mut krate, mut simulate, mut seeds) = (None, None, None, None);
        for setting in split_at_commas(arguments) {
            let (name, value) = name_and_value(setting, attribute)?;
            match &*name.to_string() {
                "workers" => set(&mut workers, number(value, &name, "usize", 4)?, &name)?,
                "crate" => set(&mut krate, path(value, &name)?, &name)?,
                "simulate" if attribute == Attribute::Test => {
                    set(&mut simulate, no_value(value)?, &name)?;
                }
                "seeds" if attribute == Attribute::Test => {
                    let number = number(value, &name, "u64", 1000)?;
                    set(&mut seeds, (number, name.span()), &name)?;
                }
                "simulate" | "seeds" => {
                    let text =
                        "`main` is not simulated: call `executor::simulate` in a plain `main`";
                    return Err(Mistake::new(name.span(), text));
                }
                _ => return Err(unknown(&name, attribute)),
            }
        }
        let simulation = match (simulate, seeds) {
            (Some(()), seeds) => Some(Simulation {
                seeds: seeds.map(|(number, _)| number),
            }),
            (None, None) => None,
            (None, Some((_, place))) => {
                let text = "`seeds` is for tests that are simulated: `simulate, seeds = 1000`";
                return Err(Mistake::new(place, text));
            }
        };
        Ok(Settings {
            workers,
            simulation,
            krate: krate.unwrap_or_else(|| path_at("::executor", Span::call_site())),
        })
    }
}

fn set<T>(setting: &mut Option<T>, value: T, name: &TokenTree) -> Result<(), Mistake> {
    match setting.replace(value) {
        None => Ok(()),
        Some(_) => Err(Mistake::new(name.span(), format!("`{name}` is set twice"))),
    }
}

fn unknown(name: &TokenTree, attribute: Attribute) -> Mistake {
    let text = format!("there is no setting `{name}`: {}", known(attribute));
    Mistake::new(name.span(), text)
}

fn known(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Main => "there are `workers = 4` and `crate = path`",
        Attribute::Test => "there are `workers = 4`, `simulate`, `seeds = 1000` and `crate = path`",
    }
}

/// The settings; the last one may have a comma, too.
fn split_at_commas(arguments: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut settings = vec![Vec::new()];
    for token in arguments {
        if is_punct(&token, ',') && settings.last().is_some_and(|setting| !setting.is_empty()) {
            settings.push(Vec::new());
        } else if let Some(setting) = settings.last_mut() {
            setting.push(token);
        }
    }
    settings.retain(|setting| !setting.is_empty());
    settings
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == punct)
}

/// `name = value`, or `name`, whose value is empty.
fn name_and_value(
    setting: Vec<TokenTree>,
    attribute: Attribute,
) -> Result<(TokenTree, Vec<TokenTree>), Mistake> {
    let mut tokens = setting.into_iter();
    let name = tokens.next().expect("no setting is empty");
    if !matches!(name, TokenTree::Ident(_)) {
        let text = format!("a setting begins with its name: {}", known(attribute));
        return Err(Mistake::new(name.span(), text));
    }
    match tokens.next() {
        None => Ok((name, Vec::new())),
        Some(token) if is_punct(&token, '=') => Ok((name, tokens.collect())),
        Some(other) => {
            let text = format!("behind `{name}` comes `=`, or a comma");
            Err(Mistake::new(other.span(), text))
        }
    }
}

fn no_value(value: Vec<TokenTree>) -> Result<(), Mistake> {
    match value.first() {
        None => Ok(()),
        Some(token) => {
            let text = "`simulate` has no value: `simulate`, or `simulate, seeds = 1000`";
            Err(Mistake::new(token.span(), text))
        }
    }
}

/// A positive integer, of a type as large as the machine's words.
fn number(
    value: Vec<TokenTree>,
    name: &TokenTree,
    of_type: &str,
    example: u32,
) -> Result<TokenTree, Mistake> {
    let Some(first) = value.first().map(TokenTree::span) else {
        let text = format!("`{name}` needs a number: `{name} = {example}`");
        return Err(Mistake::new(name.span(), text));
    };
    let mistake = || {
        let text = format!("`{name}` is a positive integer: `{name} = {example}`");
        Mistake::new(first, text)
    };
    let [token] = <[TokenTree; 1]>::try_from(value).map_err(|_| mistake())?;
    let digits = token.to_string().replace('_', "");
    match digits.strip_suffix(of_type).unwrap_or(&digits).parse() {
        Ok(1_usize..) => Ok(token),
        Ok(0) | Err(_) => Err(mistake()),
    }
}

/// A path such as `renamed` or `crate::reexports::executor`.
fn path(value: Vec<TokenTree>, name: &TokenTree) -> Result<TokenStream, Mistake> {
    if value.is_empty() {
        let text = "`crate` needs a path: `crate = path`";
        return Err(Mistake::new(name.span(), text));
    }
    let is_of_path = |token: &TokenTree| match token {
        TokenTree::Ident(_) => true,
        other => is_punct(other, ':'),
    };
    if let Some(other) = value.iter().find(|token| !is_of_path(token)) {
        let text = "`crate` is a path, without quotes: `crate = path`";
        return Err(Mistake::new(other.span(), text));
    }
    Ok(value.into_iter().collect())
}
