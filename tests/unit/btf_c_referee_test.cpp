// Types as C against bpftool on real files: the same declarations, and compiled again the types they were made from.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/c_dump.hpp"
#include "support/c_types.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using testing::compile_header;
using testing::declared;
using testing::difference;
using testing::layouts;

bool have_referees() {
  if (tools::have("bpftool") && tools::have("clang-19")) return true;
  MESSAGE("SKIP: needs bpftool and clang-19");
  return false;
}

std::string bpftools_header(const objects::Image& file) {
  const tools::Scratch scratch;
  const std::string path = scratch.write("types", {reinterpret_cast<const char*>(file.data()), file.size()});
  return tools::output_of("bpftool btf dump file " + path + " format c").value_or("");
}

struct Tally {
  std::size_t files = 0, types = 0, referee_differs = 0;
  double slowest_ms = 0;
};

/// The header of a file, after its declarations have been held against bpftool's header, which goes to `theirs`.
std::string header_like_bpftools(const objects::Found& found, const btf::Btf& types, Tally& tally,
                                 std::string& theirs) {
  const auto start = std::chrono::steady_clock::now();
  auto ours = btf::format_c(types);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  REQUIRE_MESSAGE(ours, ours.error().what);
  theirs = bpftools_header(found.image);
  REQUIRE(!theirs.empty());
  CHECK_MESSAGE(declared(*ours) == declared(theirs), difference(declared(*ours), declared(theirs)));
  ++tally.files;
  tally.types += layouts(types).size();
  tally.slowest_ms = std::max(tally.slowest_ms, took.count());
  return std::move(*ours);
}

void compare(const objects::Found& found, Tally& tally) {
  INFO(found.name);
  const auto types = testing::types_of(found.image);
  REQUIRE(types);
  std::string theirs;
  const std::string ours = header_like_bpftools(found, *types, tally, theirs);
  const auto again = compile_header(ours);
  REQUIRE_MESSAGE(again.types, again.complaint);
  const auto expected = layouts(*types);
  const std::string changed = difference(expected, layouts(*again.types));
  CHECK_MESSAGE(changed.empty(), changed);
  const auto referee = compile_header(theirs);
  tally.referee_differs += !referee.types || layouts(*referee.types) != expected;
}

/// Assertions that every struct and union whose name is its own has its size, and its members their offsets.
std::string assertions(const btf::Btf& types, std::size_t& count) {
  using btf::Kind;
  std::map<std::string_view, int> uses;
  const auto is_tag = [](Kind kind) {
    return kind == Kind::struct_ || kind == Kind::union_ || kind == Kind::enum_ || kind == Kind::enum64;
  };
  for (btf::TypeId id = 1; id < types.size(); ++id)
    if (is_tag(types.type(id).kind)) ++uses[types.type(id).name];
  std::string text;
  for (btf::TypeId id = 1; id < types.size(); ++id) {
    const btf::Type& type = types.type(id);
    // The one holds a va_list, which is the compiler's own and another on each machine.
    if (!is_tag(type.kind) || uses[type.name] != 1 || type.name.empty() || type.name == "warn_args") continue;
    const bool is_enum = type.kind == Kind::enum_ || type.kind == Kind::enum64;
    const std::string name = fmt::format("{} {}",
                                         is_enum                     ? "enum"
                                         : type.kind == Kind::union_ ? "union"
                                                                     : "struct",
                                         type.name);
    if (is_enum && types.enumerators(type).empty()) continue;
    text += fmt::format("_Static_assert(sizeof({}) == {}, \"\");\n", name, type.size);
    ++count;
    for (const btf::Member& each : types.members(type)) {
      if (each.bit_size != 0 || each.name.empty()) continue;
      text += fmt::format("_Static_assert(__builtin_offsetof({}, {}) == {}, \"\");\n", name, each.name,
                          each.bit_offset / 8);
      ++count;
    }
  }
  return text;
}

void report(const char* what, const Tally& tally) {
  MESSAGE(std::string(what), ": ", tally.files, " files, ", tally.types, " named types given back, slowest ",
          tally.slowest_ms, " ms; bpftool's differ in ", tally.referee_differs);
}

}  // namespace

TEST_CASE("the types of our objects are declared as bpftool declares them, and compile to what they were") {
  if (!have_referees()) return;
  Tally tally;
  for (const char* name : {"api_object.bpf.c", "core_questions.bpf.c", "core_target.bpf.c", "loader_calls.bpf.c",
                           "loader_globals.bpf.c", "loader_legacy.bpf.c", "loader_needs.bpf.c", "loader_slots.bpf.c"})
    if (auto image = objects::compile(name)) compare({name, std::move(*image)}, tally);
  report("tests/bpf", tally);
}

TEST_CASE("the types of distributed objects are declared as bpftool declares them, and compile to what they were") {
  if (!have_referees()) return;
  for (const char* package : {"libbpf-tools", "xdp-tools"}) {
    Tally tally;
    const auto found = objects::in_executables(package);
    if (found.empty()) MESSAGE("SKIP: needs the package ", package);
    for (const objects::Found& each : found)
      if (testing::types_of(each.image)) compare(each, tally);
    report(package, tally);
  }
}

TEST_CASE("the running kernel's types are declared as bpftool declares them, with the sizes and offsets they have") {
  if (!have_referees()) return;
  const auto kernel = tools::read_file("/sys/kernel/btf/vmlinux");
  if (!kernel) {
    MESSAGE("SKIP: needs /sys/kernel/btf/vmlinux");
    return;
  }
  const auto types = testing::types_of(*kernel);
  REQUIRE(types);
  Tally tally;
  std::string theirs;
  const std::string header = header_like_bpftools({"vmlinux", *kernel}, *types, tally, theirs);
  // As assertions, because clang's time to record types is quadratic in their number.
  std::size_t count = 0;
  const tools::Scratch scratch;
  const std::string source = scratch.write("vmlinux.c", header + assertions(*types, count));
  CHECK(tools::output_of("clang-19 -target bpf -fsyntax-only -Werror " + source));
  CHECK(!tools::output_of("clang-19 -target bpf -fsyntax-only -DBPF_NO_PRESERVE_ACCESS_INDEX " +
                          scratch.write("wrong.c", header + "_Static_assert(sizeof(struct list_head) == 8, \"\");")));
  MESSAGE("vmlinux: ", tally.types, " named types, ", header.size(), " bytes in ", tally.slowest_ms, " ms, ", count,
          " sizes and offsets asserted");
}

}  // namespace skep
