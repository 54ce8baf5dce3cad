// A policy that an application loads at run time: anybody may read outside /secret, only admins may do the rest.
//
// `has_role` is no helper of Linux: the application brings it (see policy.cpp) under a number above all of Linux' own.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "request.h"

static long (*has_role)(__u32 user, const char* role) = (void*)0x10000;

static const char kAdmin[] = "admin";
static const char kSecret[8] = "/secret";

SEC("policy")
int allow(const struct request* request) {
  const int secret = bpf_strncmp(request->path, 7, kSecret) == 0;
  if (!request->write && !secret) return 1;
  return has_role(request->user, kAdmin);
}
