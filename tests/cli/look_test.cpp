// Looking at objects: inspect and dis; and what the command says of itself.
#include <doctest/doctest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"

using namespace skep;
using Json = nlohmann::json;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("inspect shows programs, helpers, maps and globals") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const auto outcome = command::skep({"inspect", *object});
  CHECK(outcome.code == 0);
  for (const char* line : {
           "verdicts.bpf.o  license \"Dual MIT/GPL\", BTF\n",
           "bpf_map_lookup_elem",
           "bpf_ringbuf_output",
           "bpf_trace_printk",
           "  by_first  hash               16  __u32 (4 B)  struct counter (16 B)\n",
           "  untyped   array               4  4 B          8 B\n",
           "  events    ringbuf       4,096 B\n",
           "  .data    enum mode mode                = MODE_ON\n",
           "  .rodata  const volatile __u32 answer   = 42\n",
           "  .bss     __u64 seen                    = 0\n",
       })
    CHECK_MESSAGE(has(outcome.out, line), line, outcome.out);
}

TEST_CASE("verify prints a line a program, and for a refused one the rule, the line and what to do") {
  const auto mistakes = command::object("mistakes");
  if (!mistakes) return;
  const auto good = command::skep({"verify", *mistakes, "-p", "checked_packet"});
  CHECK_MESSAGE(good.code == 0, good.out, good.err);
  CHECK(has(good.out, "accepted"));
  const auto bad = command::skep({"verify", *mistakes, "-p", "unchecked_packet"});
  CHECK(bad.code == 1);
  for (const char* part : {"refused", "only [0, 0) is proven [packet_out_of_bounds]", "data[12]", "hint: ",
                           "0 accepted, 1 refused, 0 not judged yet"})
    CHECK_MESSAGE(has(bad.out, part), part, bad.out);
  CHECK(command::skep({"verify", *mistakes, "-p", "nobody"}).code == 2);
}

TEST_CASE("inspect --json has one object a file, with stable keys") {
  const auto verdicts = command::object("verdicts");
  const auto several = command::object("several");
  if (!verdicts || !several) return;
  const Json files = Json::parse(command::skep({"inspect", "--json", *verdicts, *several}).out, nullptr, false);
  REQUIRE(files.size() == 2);
  for (const char* key : {"name", "license", "kernel_version", "btf", "programs", "maps", "globals", "notes"})
    CHECK_MESSAGE(files[0].contains(key), key);
  const Json& program = files[0]["programs"][0];
  for (const char* key : {"name", "section", "type", "expected_attach_type", "attach_target", "sleepable", "insns",
                          "subprogs", "helpers", "maps", "needs"})
    CHECK_MESSAGE(program.contains(key), key);
  CHECK(program["subprogs"].size() == 2);
  CHECK(program["subprogs"][1]["name"] == "count");
  CHECK(files[1]["programs"].size() == 5);
  CHECK(files[1]["maps"][0]["slots"][1] == "by_object");
  CHECK(files[1]["programs"][2]["helpers"] == Json{"bpf_tail_call"});
}

TEST_CASE("--btf resolves relocations against the types in a file, and names what these do not have") {
  const auto object = command::object("portable");
  const auto target = command::object("verdicts");
  if (!object || !target) return;
  const auto asking = command::skep({"inspect", "--json", *object});
  CHECK(Json::parse(asking.out, nullptr, false)[0]["programs"][0]["needs"].size() == 3);
  const Json resolved =
      Json::parse(command::skep({"inspect", "--json", "--btf", *target, *object}).out, nullptr, false);
  CHECK(resolved[0]["programs"][0]["needs"].empty());
  CHECK(resolved[0]["programs"][0]["unresolved"] == Json{"gone::lost (byte_off)"});
  CHECK(has(command::skep({"dis", "--btf", *target, *object}).out, "; unresolved gone::lost (byte_off)\n"));
  const Json run = Json::parse(command::skep({"run", "--json", "--btf", *target, *object}).out, nullptr, false);
  CHECK(run["results"][0]["value"] == 8);
  CHECK(command::skep({"run", "--btf", "/nonexistent", *object}).code == 4);
}

TEST_CASE("inspect --types declares all types in C, of objects and of raw BTF, and nothing else") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const auto outcome = command::skep({"inspect", "--types", *object});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.starts_with("#ifndef __VMLINUX_H__"));
  for (const char* line : {"typedef unsigned int __u32;", "struct counter {", "enum mode {"})
    CHECK_MESSAGE(has(outcome.out, line), line, outcome.out);
  CHECK(!has(outcome.out, "bpf_map_lookup_elem"));
  CHECK(command::skep({"inspect", "--types", "--json", *object}).code == 2);
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    MESSAGE("SKIP: needs /sys/kernel/btf/vmlinux");
    return;
  }
  CHECK(has(command::skep({"inspect", "--types", "/sys/kernel/btf/vmlinux"}).out, "\nstruct task_struct {\n"));
}

TEST_CASE("inspect goes on after a file that is none") {
  const auto object = command::object("several");
  if (!object) return;
  const auto outcome = command::skep({"inspect", "/nonexistent.o", *object});
  CHECK(outcome.code == 4);
  CHECK(has(outcome.err, "/nonexistent.o"));
  CHECK(has(outcome.out, "first_word"));
}

TEST_CASE("dis names maps, variables, helpers and functions beside the instructions") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const auto outcome = command::skep({"dis", *object});
  CHECK(outcome.code == 0);
  for (const char* part :
       {"verdicts: xdp, section xdp, ", "\nverdicts:\n", "\ncount:\n", "; map by_first\n", "; .bss seen\n",
        "; call bpf_map_lookup_elem\n", "; call count\n", "; verdicts.bpf.c:", "  seen++;\n"})
    CHECK_MESSAGE(has(outcome.out, part), part);
  const auto several = command::object("several");
  const auto one = command::skep({"dis", *several, "--program", "by_user"});
  CHECK(has(one.out, "w0 = 0x1\n"));
  CHECK_FALSE(has(one.out, "dispatch"));
}

TEST_CASE("dis has the kernel's style and shows bytes on request") {
  const auto object = command::object("several");
  if (!object) return;
  CHECK(has(command::skep({"dis", *object, "-p", "by_user", "--style", "kernel"}).out, "     0:  (b4) w0 = 1\n"));
  CHECK(has(command::skep({"dis", *object, "-p", "by_user", "--bytes"}).out,
            "     0:  b4 00 00 00 01 00 00 00                          w0 = 0x1\n"));
}

TEST_CASE("help and version answer with 0 and document exit codes") {
  const auto help = command::skep({"--help"});
  CHECK(help.code == 0);
  CHECK(has(help.out, "Exit codes:"));
  CHECK(has(help.out, "Examples:"));
  for (const char* verb : {"run", "inspect", "dis", "asm", "plugin", "test-isa"}) {
    CHECK(has(help.out, std::string("\n  ") + verb + " "));
    CHECK(command::skep({verb, "--help"}).code == 0);
  }
  const auto version = command::skep({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("skep 0."));
  CHECK(version.out.ends_with("\n"));
}

TEST_CASE("no colour reaches a file") {
  const auto object = command::object("several");
  if (!object) return;
  for (const char* verb : {"inspect", "dis"}) CHECK_FALSE(has(command::skep({verb, *object}).out, "\x1b"));
}
