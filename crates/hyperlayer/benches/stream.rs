//! Writing and reading a stream in memory. `cargo bench -p hyperlayer`.
#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperlayer::{Decoder, Encoder, Header, Identity, MAX_RECORD, Packer, Records, Volume};

const RECORDS: u64 = 32;

fn encoded(content: &[u8], packer: &mut Packer) -> Vec<u8> {
    let size = RECORDS * MAX_RECORD as u64;
    let volume = || Volume { name: "volume".into(), uuid: String::new(), size };
    let header = Header {
        target: volume(),
        base: Some(volume()),
        chunk_size: 65536,
        pairs: vec![],
        detect_level: 0,
        extents: 1,
        changed_bytes: size,
        unmapped_bytes: 0,
        tool: "bench".into(),
        created: 0,
        undo: false,
        base_origin: String::new(),
        identity: Identity::default(),
        rest: false,
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).expect("the header is right");
    for number in 0..RECORDS {
        let packed = packer.pack(content).expect("there is memory");
        let offset = number * MAX_RECORD as u64;
        encoder.packed_data(offset, content, &packed).expect("a vector takes everything");
    }
    encoder.finish().expect("all was written").0
}

fn stream(criterion: &mut Criterion) {
    // Half of it is compressible.
    let content: Vec<u8> = (0..MAX_RECORD as u64)
        .map(|place| match place / 4096 % 2 {
            0 => (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8,
            _ => (place % 7) as u8,
        })
        .collect();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Bytes(RECORDS * MAX_RECORD as u64)).sample_size(20);
    for (name, level) in [("as it is", None), ("zstd level 3", Some(3))] {
        let mut packer = Packer::new(level).expect("there is such a level");
        group.bench_function(format!("write, {name}"), |bencher| {
            bencher.iter(|| black_box(encoded(&content, &mut packer)));
        });
        let stream = encoded(&content, &mut packer);
        group.bench_function(format!("read, {name}"), |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new(stream.as_slice()).expect("it is sound");
                black_box(decoder.finish().expect("it is sound"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
