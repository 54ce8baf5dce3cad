// One record of the ring buffer `events`.
#pragma once

#include <linux/types.h>

struct event {
  __u64 time_ns;
  __u32 bytes;
  __u32 first_word;
};
