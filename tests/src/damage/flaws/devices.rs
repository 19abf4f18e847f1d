//! Flaws of the tree of devices.

use crate::damage::Answer::{NotFound, NotRead, Refused};
use crate::damage::Check::{Accepts, Refuses};
use crate::damage::Flaw;
use crate::damage::From::Kernel;
use crate::damage::image::NR_ENTRIES;

// Why a check accepts, or lvdiff does not read, what is damaged.
const NOT_LOOKED_AT: &str = "it does not look at this field";
const DETAILS: &str = "a difference is in the mapping trees; details are for lists of volumes";

pub(super) const DEVICES: &[Flaw] = &[
    // The tree of devices.
    Flaw {
        name: "device-with-details-and-no-mappings",
        answer: NotFound,
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_node(devices, NR_ENTRIES, &2_u32.to_le_bytes());
            devices
        },
    },
    Flaw {
        name: "device-with-mappings-and-no-details",
        answer: NotRead(DETAILS),
        check: Accepts("it looks for mappings of details, not for details of mappings"),
        from: Kernel,
        make: |image| {
            let details = image.details();
            image.set_node(details, NR_ENTRIES, &2_u32.to_le_bytes());
            details
        },
    },
    Flaw {
        name: "device-counts-more-than-is-mapped",
        answer: NotRead(DETAILS),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            let details = image.details();
            let values = image.values(details);
            image.set_node(details, values + 2 * 24, &u64::MAX.to_le_bytes());
            details
        },
    },
    Flaw {
        name: "device-mapping-root-past-the-end",
        answer: Refused("is damaged: it is past the end (block 1024)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let (devices, end) = (image.devices(), image.blocks());
            image.set_value(devices, 2, end);
            end
        },
    },
    Flaw {
        name: "device-mapping-root-is-the-tree-of-devices",
        answer: Refused(
            "is damaged: it is both the tree of devices and the mapping tree of device 3",
        ),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_value(devices, 2, devices);
            devices
        },
    },
    Flaw {
        name: "devices-out-of-order",
        answer: Refused("is damaged: its keys are out of order: 2 follows 3"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_key(devices, 1, 3);
            image.set_key(devices, 2, 2);
            devices
        },
    },
    Flaw {
        name: "devices-leaf-empty",
        answer: NotFound,
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_node(devices, NR_ENTRIES, &0_u32.to_le_bytes());
            devices
        },
    },
];
