//! A request, done.

use std::io::Write;

use flow::Session;
use foreign::{Foreign, Missing};
use hyperlayer::Records;
use patch::Purpose;
use streams::{Chain, Rules};

use crate::cli::Args;
use crate::print::{info, table};
use crate::request::{Describing, Request, until};
use crate::{input, summary};

/// Does what the arguments ask for.
pub(crate) fn run(args: &Args, session: &Session<'_>) -> anyhow::Result<()> {
    let request = Request::new(args)?;
    if let Request::Catalogue(files, describing) = &request {
        let entries = streams::catalogue(files, args.disk.as_deref(), args.strict)?;
        return print(&table::text(&entries, matches!(describing, Describing::Json))?);
    }
    let complete = |foreign: &Foreign| match &request {
        Request::Apply(request) => patch::find_missing(request, Purpose::Apply, foreign),
        Request::Check(request) => patch::find_missing(request, Purpose::Check, foreign),
        _ => Ok(Missing { size: args.size, ..Missing::default() }),
    };
    let rules = Rules {
        is_strict: args.strict,
        accepts_cut: args.partial,
        ignores_dates: args.no_base_check,
        must_ascend: args.backup.is_some(),
        name: args.names.first().cloned(),
        size: args.size,
        until: until(args)?,
        complete: &complete,
    };
    let sources = input::open(args, session.interrupt)?;
    let is_quiet = args.quiet;
    match &request {
        Request::Catalogue(..) => Ok(()), // that was above
        Request::Describe(describing) => {
            describe(&mut Chain::new(sources, &rules, session.interrupt), *describing)
        }
        Request::Verify => {
            let sound = streams::verify(Chain::new(sources, &rules, session.interrupt))?;
            if is_quiet { Ok(()) } else { summary::sound(&sound) }
        }
        Request::Check(request) => {
            let accepted = patch::check(request, &rules, sources, session)?;
            if is_quiet { Ok(()) } else { summary::accepted(&accepted) }
        }
        Request::Apply(request) => patch::apply(request, &rules, sources, session, &mut |done| {
            if !is_quiet {
                summary::done(done, session.begun.elapsed());
            }
        }),
    }
}

fn describe(chain: &mut Chain<'_>, describing: Describing) -> anyhow::Result<()> {
    let link = chain.first()?;
    let (header, as_json) = (link.header(), matches!(describing, Describing::Json));
    print(&match link.decoder.foreign() {
        Some(foreign) => info::other(foreign, header, link.has_checksum, as_json)?,
        None => info::own(header, link.decoder.base_digests(), as_json)?,
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    cli::print(|out| out.write_all(text.as_bytes()))
}
