// A policy sandbox in ten lines: the rules come as a BPF object that is not trusted; the application adds one helper.
//
//   build/examples/policy build/examples/policy.bpf.o
#include <cstdio>

#include <skep/skep.hpp>

#include "request.h"

int main(int argc, char** argv) {
  skep::HelperSpec has_role{0x10000, "has_role", {skep::HelperArg::scalar, skep::HelperArg::c_string}, nullptr};
  has_role.function = [](skep::HelperCall&, const auto& args) { return std::uint64_t{args[0] == 1000}; };

  const auto object = skep::Object::load_file(argc > 1 ? argv[1] : "build/examples/policy.bpf.o");
  if (!object) return std::fprintf(stderr, "policy: %s\n", object.error().message().c_str()), 1;
  const auto program = object->program("allow");
  if (!program) return std::fprintf(stderr, "policy: %s\n", program.error().message().c_str()), 1;
  const auto policy = skep::Executable::build(*program, {.helpers = {has_role}});
  if (!policy) return std::fprintf(stderr, "policy: %s\n", policy.error().message().c_str()), 1;

  for (request one :
       {request{1000, 1, "/secret/key"}, request{1001, 0, "/secret/key"}, request{1001, 0, "/public/page"}}) {
    skep::RawContext context(std::as_bytes(std::span(&one, 1)));
    const skep::RunResult result = policy->run(context, {.budget = 10'000});
    const char* verdict = !result.ok() ? "denied (fault)" : result.value != 0 ? "allowed" : "denied";
    std::printf("user %u %s %s: %s\n", one.user, one.write != 0 ? "writes" : "reads", one.path, verdict);
    if (!result.ok()) std::printf("  %s\n", policy->explain(result.fault).c_str());
  }
}
