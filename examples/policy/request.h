// What the policy gets to see of a request.
#pragma once

#include <linux/types.h>

struct request {
  __u32 user;
  __u32 write;  // 0: the request only reads
  char path[56];
};
