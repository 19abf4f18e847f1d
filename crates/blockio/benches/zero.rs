//! Telling zeros from data. `cargo bench -p blockio`.
#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use blockio::is_zero;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn zero(criterion: &mut Criterion) {
    let mut bytes = vec![0_u8; 1 << 20];
    let mut group = criterion.benchmark_group("is_zero");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("all zeros", |bencher| bencher.iter(|| is_zero(black_box(&bytes))));
    *bytes.last_mut().expect("it is not empty") = 1;
    group.bench_function("all but the last byte", |bencher| {
        bencher.iter(|| is_zero(black_box(&bytes)));
    });
    group.finish();
}

criterion_group!(benches, zero);
criterion_main!(benches);
