//! The man page: one page with every command, made from the parser's definition.
//! Not here: the words of the commands and options, which are the help texts ([`crate::cli`]).

use crate::cli::{Cli, EXIT_CODES, FILES};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io;

/// The page as roff.
pub(crate) fn page() -> io::Result<String> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let main = Man::new(command.clone()).section("8").manual("Rolewall");
    let mut page = section(|out| main.render_title(out))?;
    page += &section(|out| main.render_name_section(out))?;
    page += &section(|out| main.render_synopsis_section(out))?;
    page += &section(|out| main.render_description_section(out))?;
    page += &section(|out| main.render_options_section(out))?;
    page += ".SH COMMANDS\n";
    commands(&command, &mut page)?;
    page += ".SH EXIT STATUS\n";
    EXIT_CODES.iter().for_each(|(code, meaning)| page += &entry(&code.to_string(), meaning));
    page += ".SH FILES\n";
    FILES.iter().for_each(|(path, what)| page += &entry(path, what));
    page += ".SH SEE ALSO\n.BR nft (8)\n";
    Ok(page)
}

/// Every command that can be run, those of `node` too.
fn commands(parent: &Command, page: &mut String) -> io::Result<()> {
    for command in parent.get_subcommands().filter(|c| !c.is_hide_set()) {
        if command.has_subcommands() {
            commands(command, page)?;
            continue;
        }
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let man = Man::new(only_its_own(command.clone()));
        *page += &format!(".SS {name}\n");
        *page += &without_heading(&section(|out| man.render_description_section(out))?);
        *page += ".PP\n";
        *page += &without_heading(&section(|out| man.render_synopsis_section(out))?);
        *page += &without_heading(&section(|out| man.render_options_section(out))?);
    }
    Ok(())
}

/// Without the options that every command has: the page says them once.
fn only_its_own(command: Command) -> Command {
    let of_all =
        |arg: &clap::Arg| arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
    command.mut_args(|arg| if of_all(&arg) { arg.hide(true) } else { arg })
}

fn section(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<String> {
    let mut out = Vec::new();
    render(&mut out)?;
    String::from_utf8(out).map_err(io::Error::other)
}

fn without_heading(section: &str) -> String {
    section.lines().filter(|line| !line.starts_with(".SH ")).flat_map(|line| [line, "\n"]).collect()
}

fn entry(name: &str, meaning: &str) -> String {
    format!(".TP\n\\fB{name}\\fR\n{meaning}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_says_how_it_ends() {
        let page = page().unwrap();
        for part in
            [".SS rolewall apply\n", ".SS rolewall node add\n", ".SH EXIT STATUS\n", ".SH FILES\n", "nft (8)"]
        {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert_eq!(page.matches(".SH OPTIONS").count(), 1);
    }
}
