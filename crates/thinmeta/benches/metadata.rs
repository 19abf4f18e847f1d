//! Reading metadata: the delta of two devices, and one device's mappings. `cargo bench -p thinmeta`.
#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thinmeta::testing::{Pool, Random, Shape};
use thinmeta::{Metadata, ThinId, View};

const MAPPINGS: u64 = 1_000_000;

fn id(id: u64) -> ThinId {
    id.try_into().expect("a small number is a thin id")
}

fn metadata(criterion: &mut Criterion) {
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(1, MAPPINGS, &mut random);
    for (id, changes) in [(2, 100), (3, 10_000), (4, 500_000)] {
        pool.snapshot(1, id);
        pool.write_scattered(id, &blocks, (changes, 1), &mut random);
    }
    let image = pool.image();
    let open = || Metadata::open(&image[..], image.len() as u64, View::Live).expect("it is sound");

    let mut group = criterion.benchmark_group("delta of a million mappings");
    for (target, changes) in [(2, 100), (3, 10_000), (4, 500_000)] {
        group.bench_function(format!("{changes} changes"), |bencher| {
            bencher.iter(|| {
                let metadata = open();
                let delta = metadata.delta(id(1), id(target)).expect("both are there");
                black_box(delta.map(|extent| extent.expect("it is sound").length).sum::<u64>())
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("mappings");
    group.throughput(Throughput::Elements(MAPPINGS));
    group.bench_function("runs", |bencher| {
        bencher.iter(|| {
            let metadata = open();
            let mappings = metadata.mappings(id(1)).expect("it is there");
            black_box(mappings.runs().map(|run| run.expect("it is sound").length).sum::<u64>())
        });
    });
    group.finish();
}

criterion_group!(benches, metadata);
criterion_main!(benches);
