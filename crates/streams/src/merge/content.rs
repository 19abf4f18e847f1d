//! [`Content`]: what the streams so far lead to, read from their files.

use std::io;
use std::ops::Range;

use blockio::{ReadAt, Spare};
use hyperlayer::{Contents, Place};

use super::layers::Layers;
use super::merged_file::MergedFile;
use super::piece::{Piece, What};
use crate::change::Change;

/// The volume that all layers make. It is not read where no layer says what is there.
pub(super) struct Content<'a> {
    layers: &'a Layers,
    inputs: &'a [MergedFile],
    idle: Spare<Contents>,
}

impl<'a> Content<'a> {
    pub(super) fn new(layers: &'a Layers, inputs: &'a [MergedFile]) -> Self {
        Self { layers, inputs, idle: Spare::default() }
    }
}

impl ReadAt for Content<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        let (mut pieces, mut place) = (Vec::new(), offset);
        while place < end {
            let piece = self.layers.at(place).map_err(|_| {
                io::Error::other(format!("no stream says what is at offset {place}"))
            })?;
            let piece = if piece.end() > end { piece.before(end) } else { piece };
            pieces.push((piece, (place - offset) as usize));
            place = piece.end();
        }
        let mut contents = self.idle.take(|| io::Result::Ok(Contents::default()))?;
        buf.fill(0);
        read(&mut contents, &pieces, self.inputs, buf).map_err(io::Error::other)?;
        self.idle.give(contents);
        Ok(())
    }
}

/// Reads the content of pieces to their places in the buffer; places without content are left as they are.
/// However many pieces a frame holds, it is read once.
pub(super) fn read(
    contents: &mut Contents,
    pieces: &[(Piece, usize)],
    inputs: &[MergedFile],
    buffer: &mut [u8],
) -> anyhow::Result<()> {
    let mut parts: Vec<(u32, u64, u32, u64, Range<usize>)> = Vec::new();
    for &(piece, place) in pieces {
        if let What::Data { length, file, mark, at } = piece.what {
            parts.push((file, at, mark, piece.offset, place..place + length as usize));
        }
    }
    parts.sort_by_key(|&(file, at, ..)| (file, at));
    for record in parts.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let Some(&(file, at, mark, ..)) = record.first() else { continue };
        let input = &inputs[file as usize];
        let content = input.content(contents, Place { at, mark })?;
        for (.., offset, place) in record {
            let part = content.at(*offset).and_then(|bytes| bytes.get(..place.len()));
            let part = part.ok_or_else(|| {
                let reason = "another record stood there before".into();
                anyhow::Error::new(hyperlayer::Error::Damaged { at, reason })
                    .context(input.path.display().to_string())
            })?;
            buffer[place.clone()].copy_from_slice(part);
        }
    }
    Ok(())
}
