// CO-RE against libbpf: the same objects and the same target types, instruction by instruction.
#include <doctest/doctest.h>

#include <ctime>

#ifdef SKEP_HAVE_LIBBPF
#include "support/libbpf_referee.hpp"
#endif
#include "support/tools.hpp"

namespace skep {
namespace {

#ifdef SKEP_HAVE_LIBBPF

using namespace referee;
#if defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif
constexpr const char* kHostTypes = "/sys/kernel/btf/vmlinux";

/// Of the processor, the kernel's share included: other work on the machine does not count.
double milliseconds_since(std::clock_t start) {
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST_CASE("every question, asked of types that have changed, gets libbpf's answer") {
  const auto target = objects::compile("core_target.bpf.c");
  if (!target) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  const Types types = parse_types(path);
  for (const char* flags : {"", "-mcpu=v4", "-mcpu=v1"}) {
    CAPTURE(flags);
    const auto image = objects::compile("core_questions.bpf.c", flags);
    if (!image) return;
    const auto ours = open_ours(*image, "core_questions", types);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    const Theirs theirs(*image, path.c_str());
    REQUIRE_MESSAGE(theirs.relocated(), theirs.messages());
    Tally tally;
    compare(*ours, theirs, tally);
    MESSAGE("relocations of our own: ", tally.equal, " programs equal, ", tally.poisoned, " instructions poisoned");
    CHECK(tally.equal == ours->programs.size());
    CHECK(tally.equal == 21);
    CHECK(tally.poisoned > 0);
  }
}

TEST_CASE("what libbpf refuses is a need here, and says why") {
  const auto target = objects::compile("core_target.bpf.c");
  if (!target) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  const Types types = parse_types(path);
  struct Case {
    std::string_view types, code, reason;
  };
  const Case cases[] = {
      {"struct twice { int same; };", "return __builtin_btf_type_id(*(struct twice*)0, 1);", "ambiguous"},
      {"struct twice { int other; } PRESERVED;", "return ((struct twice*)c)->other;", "ambiguous"},
      {"struct tight { unsigned long w : 62; } PRESERVED;",
       "return __builtin_preserve_field_info(((struct tight*)c)->w, 4);", "needs more than one load"},
      {"struct resized { int sign; } PRESERVED;", "return ((struct resized*)c)->sign;",
       "4 bytes here, 8 in the target"},
      {"struct far { int away; } PRESERVED;", "return ((struct far*)c)->away;", "a load or store reaches 32767"},
      {"struct resized { unsigned char narrow; } PRESERVED;", "return ((struct resized*)c)->narrow;", ""},
      {"typedef struct { int x; } thing;", "return __builtin_preserve_field_info(((thing*)c)->x, 0);", ""},
  };
  for (const Case& each : cases) {
    CAPTURE(each.code);
    const std::string source = "#define PRESERVED __attribute__((preserve_access_index))\n" + std::string(each.types) +
                               "\n__attribute__((section(\"socket\"), used)) long f(void* c) { " +
                               std::string(each.code) +
                               " }\nchar l[] __attribute__((section(\"license\"), used)) = \"GPL\";\n";
    const auto image = objects::compile_text("refused.bpf.c", source);
    if (!image) return;
    const auto ours = open_ours(*image, "refused", types);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    const Theirs theirs(*image, path.c_str());
    const auto& program = *ours->programs.at(0);
    CHECK(theirs.relocated() == !needs_core(program));
    std::string said;
    for (const auto& need : program.needs) said += need.name;
    for (const auto& poison : program.poisons) said += poison.what;
    CAPTURE(said);
    CHECK(said.find(each.reason) != std::string::npos);
  }
}

// libbpf takes the value of an unsigned enum for a signed one, and then finds another number in the instruction.
TEST_CASE("the largest values of an unsigned enum are relocated, though libbpf refuses them") {
  const auto target = objects::compile("core_target.bpf.c");
  const auto image = objects::compile_text("top.bpf.c", R"(
      enum top : unsigned { TOP = 0xfffffffe };
      __attribute__((section("socket"), used)) unsigned long f(void* c) {
        return __builtin_preserve_enum_value(*(enum top*)TOP, 1);
      }
      char l[] __attribute__((section("license"), used)) = "GPL";)");
  if (!target || !image) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  CHECK_FALSE(Theirs(*image, path.c_str()).relocated());
  const auto ours = open_ours(*image, "top", parse_types(path));
  REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
  const auto& program = *ours->programs.at(0);
  CHECK(program.needs.empty());
  CHECK(program.insns.at(0) == Insn(0x18, 0, 0, 0, -1));
  CHECK(program.insns.at(1) == Insn(0, 0, 0, 0, 0));
}

TEST_CASE("the programs of installed objects are relocated to the running kernel as libbpf does") {
  const Types types = parse_types(kHostTypes);
  if (types == nullptr) {
    MESSAGE("SKIP: no ", kHostTypes);
    return;
  }
  std::vector<objects::Found> found = objects::in_executables("libbpf-tools");
  for (auto& object : objects::in_executables("xdp-tools")) found.push_back(std::move(object));
  if (found.empty()) {
    MESSAGE("SKIP: libbpf-tools is not installed");
    return;
  }
  Tally tally;
  std::size_t unread = 0;
  double slowest = 0, their_time = 0;
  std::string slowest_name;
  for (const auto& [name, image] : found) {
    std::clock_t start = std::clock();
    const auto ours = open_ours(image, name, types);
    const double time = milliseconds_since(start);
    REQUIRE_MESSAGE(ours.has_value(), name, ": ", ours.error().message());
    start = std::clock();
    const Theirs theirs(image, nullptr);
    if (time > slowest) {
      slowest = time;
      their_time = milliseconds_since(start);
      slowest_name = name;
    }
    if (!theirs.relocated()) {
      MESSAGE("SKIP: libbpf does not relocate ", name, ": ", theirs.messages());
      ++unread;
      continue;
    }
    compare(*ours, theirs, tally);
  }
  MESSAGE("relocations: ", tally.equal, " equal, ", tally.different, " different, ", tally.refused, " refused (",
          found.size(), " objects, ", unread, " of them not relocated by libbpf; ", tally.poisoned, " poisoned)");
  MESSAGE("slowest: ", slowest_name, " ", slowest, " ms, libbpf ", their_time, " ms with its maps");
  CHECK(tally.different == 0);
  CHECK(tally.refused == 0);
  CHECK(tally.equal > 0);
}

TEST_CASE("parsing the running kernel's types and relocating against them takes no longer than libbpf") {
  if (!tools::read_file(kHostTypes)) {
    MESSAGE("SKIP: no ", kHostTypes);
    return;
  }
  const auto image = objects::compile("core_questions.bpf.c");
  if (!image) return;
  double ours = 1e9, theirs = 1e9, parsing = 1e9;
  for (int round = 0; round < 5; ++round) {
    std::clock_t start = std::clock();
    const Types types = parse_types(kHostTypes);
    parsing = std::min(parsing, milliseconds_since(start));
    const auto object = open_ours(*image, "core_questions", types);
    REQUIRE(object.has_value());
    ours = std::min(ours, milliseconds_since(start));
    start = std::clock();
    const Theirs other(*image, nullptr);
    theirs = std::min(theirs, milliseconds_since(start));
  }
  MESSAGE("best of 5: skep ", ours, " ms, of which ", parsing, " ms parse the kernel's types; libbpf ", theirs, " ms");
  if (!kSanitized) CHECK(ours < 2 * theirs);  // half as long on an idle machine
}

#else
TEST_CASE("CO-RE is as libbpf does it") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

}  // namespace
}  // namespace skep
