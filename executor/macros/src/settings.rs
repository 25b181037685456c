//! What stands in the parentheses of an attribute.

use crate::{Mistake, path_at};
use proc_macro::{Span, TokenStream, TokenTree};

/// See the module's text.
pub(crate) struct Settings {
    /// A literal.
    pub(crate) workers: Option<TokenTree>,
    /// The path of the crate `executor`.
    pub(crate) krate: TokenStream,
}

const KNOWN: &str = "there are `workers = 4` and `crate = path`";

impl Settings {
    pub(crate) fn parse(arguments: TokenStream) -> Result<Settings, Mistake> {
        let (mut workers, mut krate) = (None, None);
        for setting in split_at_commas(arguments) {
            let (name, value) = name_and_value(setting)?;
            let (known, value) = match &*name.to_string() {
                "workers" => (workers.is_some(), Value::Workers(number(value, &name)?)),
                "crate" => (krate.is_some(), Value::Crate(path(value)?)),
                other => {
                    let text = format!("there is no setting `{other}`: {KNOWN}");
                    return Err(Mistake::new(name.span(), text));
                }
            };
            if known {
                return Err(Mistake::new(name.span(), format!("`{name}` is set twice")));
            }
            match value {
                Value::Workers(number) => workers = Some(number),
                Value::Crate(path) => krate = Some(path),
            }
        }
        let krate = krate.unwrap_or_else(|| path_at("::executor", Span::call_site()));
        Ok(Settings { workers, krate })
    }
}

enum Value {
    Workers(TokenTree),
    Crate(TokenStream),
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

/// `name = value`.
fn name_and_value(setting: Vec<TokenTree>) -> Result<(TokenTree, Vec<TokenTree>), Mistake> {
    let mut tokens = setting.into_iter();
    let name = tokens.next().expect("no setting is empty");
    if !matches!(name, TokenTree::Ident(_)) {
        let text = format!("a setting begins with its name: {KNOWN}");
        return Err(Mistake::new(name.span(), text));
    }
    let has_value = tokens.next().is_some_and(|token| is_punct(&token, '='));
    let value: Vec<_> = tokens.collect();
    if !has_value || value.is_empty() {
        // An unknown one is that in the first place.
        let text = match &*name.to_string() {
            "workers" => "`workers` needs a number: `workers = 4`".to_owned(),
            "crate" => "`crate` needs a path: `crate = path`".to_owned(),
            other => format!("there is no setting `{other}`: {KNOWN}"),
        };
        return Err(Mistake::new(name.span(), text));
    }
    Ok((name, value))
}

/// A positive integer.
fn number(value: Vec<TokenTree>, name: &TokenTree) -> Result<TokenTree, Mistake> {
    let text = "`workers` is a positive integer: `workers = 4`";
    let [token] = <[TokenTree; 1]>::try_from(value).map_err(|value| {
        let first = value.first().map_or_else(|| name.span(), TokenTree::span);
        Mistake::new(first, text)
    })?;
    let digits = token.to_string().replace('_', "");
    match digits.strip_suffix("usize").unwrap_or(&digits).parse() {
        Ok(1_usize..) => Ok(token),
        Ok(0) | Err(_) => Err(Mistake::new(token.span(), text)),
    }
}

/// A path such as `renamed` or `crate::reexports::executor`.
fn path(value: Vec<TokenTree>) -> Result<TokenStream, Mistake> {
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
