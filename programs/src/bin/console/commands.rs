//! What each command does.

use core::fmt::Write as _;

use console_core::command::{Command, HELP};

use crate::failure::{Done, Failure};
use crate::session::Session;
use crate::{live, rights, still, tables, talk, tasks, texts};

impl Session {
    /// Runs a command; `nested` says how many `time`s stand before it.
    pub fn command(&mut self, line: &str, nested: u32) -> Done {
        let command = Command::parse(line).map_err(Failure::of)?;
        let script = self.is_script();
        let screen = &mut self.screen;
        match command {
            Command::Help => Ok(screen.write_str(HELP)?),
            Command::List { path, long } => texts::list(screen, path, long),
            Command::Show { path } => texts::show(screen, path),
            Command::Echo {
                text,
                path: Some(path),
            } => texts::write(path, text),
            Command::Echo { text, path: None } => Ok(writeln!(screen, "{text}")?),
            Command::MakeDirectory { path } => texts::make_directory(path),
            Command::RemoveDirectory { path } => texts::remove_directory(path),
            Command::Spawn {
                group,
                program,
                arguments,
                wait,
            } => {
                let task = tasks::spawn(group, program, arguments)?;
                if wait {
                    tasks::run(screen, &mut self.keyboard, task)
                } else {
                    Ok(writeln!(screen, "{task}")?)
                }
            }
            Command::Wait { task } => tasks::wait(screen, &mut self.keyboard, task),
            Command::Tasks => tables::tasks(screen),
            Command::Groups => tables::groups(screen),
            Command::Top { times } => {
                let count = times.or(script.then_some(1));
                live::top(&mut self.screen, &mut self.keyboard, count)
            }
            Command::Limit {
                group,
                resource,
                limit,
                soft,
            } => tasks::limit(group, resource, limit, soft),
            Command::KillTask { task } => tasks::kill(task),
            Command::KillGroup { group } => tasks::kill_group(screen, group),
            Command::Rights { group } => rights::show(screen, group),
            Command::Grant {
                task,
                group,
                rights,
                back: false,
            } => rights::grant(group, task, rights),
            Command::Grant {
                task,
                group,
                rights,
                back: true,
            } => rights::revoke(group, task, rights),
            Command::Mode { mode, group } => rights::mode(group, mode),
            Command::Owner { uid, gid, group } => rights::owner(group, uid, gid),
            Command::Tell { task, words } => talk::tell(screen, &mut self.keyboard, task, words),
            Command::Move { task, group } => still::go(task, group),
            Command::Freeze { group } => still::freeze(screen, group),
            Command::Thaw { group } => still::thaw(screen, group),
            Command::Watch { group } => {
                let keyboard = (!script).then_some(&mut self.keyboard);
                self.watch.begin(screen, keyboard, group)
            }
            Command::News => self.watch.news(screen),
            Command::Unwatch => self.watch.end(),
            Command::WhoAmI => tasks::who_am_i(screen),
            Command::Find { label } => tasks::find(screen, label),
            Command::Clock => live::clock(screen),
            Command::Sleep { ns } => live::sleep(&mut self.keyboard, ns),
            Command::Audit => tables::audit(screen),
            Command::Pool => tables::pool(screen),
            Command::Programs => tasks::programs(screen),
            Command::Time { command } if nested == 0 => {
                let before = client::clock();
                let done = self.command(command, 1);
                let taken = client::clock().saturating_sub(before);
                writeln!(self.screen, "{taken} instructions")?;
                done
            }
            Command::Time { .. } => Err(Failure::of("usage: time COMMAND")),
            Command::Halt { passed } => self.halt(passed),
        }
    }
}
