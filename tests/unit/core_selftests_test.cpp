// CO-RE on the kernel's own test cases: each selftests program test_core_reloc_X against each set of target types
// btf__core_reloc_X*, good and bad. libbpf decides what is good.
//
// SKEP_KERNEL_SOURCE says where a kernel's source tree is, or its archive: /usr/src/linux-source-6.12.tar.xz (which
// takes some 15 s to unpack).
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#ifdef SKEP_HAVE_LIBBPF
#include "support/libbpf_referee.hpp"
#endif
#include "loader/target_btf.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

#ifdef SKEP_HAVE_LIBBPF

using namespace referee;
constexpr std::string_view kProgs = "/tools/testing/selftests/bpf/progs/";

/// The kernel source tree, unpacked if need be; empty when there is none.
std::string find_tree(const tools::Scratch& scratch) {
  const char* given = std::getenv("SKEP_KERNEL_SOURCE");
  if (given == nullptr || !std::string_view(given).ends_with(".tar.xz")) return given == nullptr ? "" : given;
  const std::string folder = std::filesystem::path(scratch.write("here", "")).parent_path().string();
  const std::string unpack = "tar -C " + folder + " --strip-components=1 --wildcards -xJf " + given +
                             " '*/tools/testing/selftests/bpf/progs/*core_reloc*'" +
                             " '*/tools/testing/selftests/bpf/*.h' '*/tools/lib/bpf/*.h'";
  return tools::output_of(unpack) ? folder : "";
}

std::vector<std::string> files_in(const std::string& folder, std::string_view start) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing))
    if (const std::string name = entry.path().filename().string(); name.starts_with(start) && name.ends_with(".c"))
      names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

/// "nesting" of "test_core_reloc_nesting.c" and of "btf__core_reloc_nesting___err_too_deep.c".
std::string subject_of(std::string_view name, std::string_view start) {
  const std::string_view rest = name.substr(start.size(), name.size() - start.size() - 2);
  return std::string(rest.substr(0, rest.find("__")));
}

TEST_CASE("the kernel's own cases of CO-RE are relocated, or refused, as libbpf does") {
  const tools::Scratch scratch;
  const std::string tree = find_tree(scratch);
  if (tree.empty() || !tools::have("clang-19")) {
    MESSAGE("SKIP: needs clang-19 and SKEP_KERNEL_SOURCE=/usr/src/linux-source-6.12.tar.xz");
    return;
  }
  const std::string progs = tree + std::string(kProgs);
  const auto compile = [&](const std::string& name) {
    const std::string object = scratch.write(name + ".o", "");
    const auto done = tools::output_of(
        "clang-19 -g -O2 -target bpf -mcpu=v3 -Wno-everything -D__x86_64__ "
        "-D__TARGET_ARCH_x86 -I" +
        tree +
        "/tools/lib -I/usr/include/bpf "
        "-I/usr/include/x86_64-linux-gnu -I" +
        progs + " -I" + progs + "/.. -c " + progs + name + " -o " + object);
    return done ? object : std::string();
  };
  std::vector<std::pair<std::string, std::string>> targets;  // subject, file
  for (const std::string& name : files_in(progs, "btf__core_reloc_"))
    if (std::string object = compile(name); !object.empty())
      targets.emplace_back(subject_of(name, "btf__core_reloc_"), object);

  Tally tally;
  std::size_t pairs = 0, both_refuse = 0, one_refuses = 0;
  for (const std::string& name : files_in(progs, "test_core_reloc_")) {
    const std::string object = compile(name);
    if (object.empty()) {
      MESSAGE("SKIP: clang-19 does not compile ", name);
      continue;
    }
    const auto image = tools::read_file(object);
    std::string subject = subject_of(name, "test_core_reloc_");
    if (subject.starts_with("bitfields")) subject = "bitfields";  // one set of types for two programs
    for (const auto& [target_subject, path] : targets) {
      if (target_subject != subject) continue;
      ++pairs;
      CAPTURE(path);
      const Theirs theirs(*image, path.c_str());
      const auto types = loader::parse_target_btf(*tools::read_file(path), path);
      if (!types) {  // a target that nests deeper than skep reads, which is too deep for libbpf as well
        CHECK_MESSAGE(!theirs.relocated(), types.error().message());
        ++both_refuse;
        continue;
      }
      const auto ours = open_ours(*image, name, *types);
      REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
      const bool refused = std::any_of(ours->programs.begin(), ours->programs.end(),
                                       [](const auto& program) { return needs_core(*program); });
      both_refuse += refused && !theirs.relocated();
      one_refuses += refused == theirs.relocated();
      CHECK_MESSAGE(refused != theirs.relocated(), theirs.messages());
      if (!refused && theirs.relocated()) compare(*ours, theirs, tally);
    }
  }
  MESSAGE("referee: ", pairs, " pairs of selftests: ", tally.equal, " programs equal, ", tally.different,
          " different, ", both_refuse, " pairs refused by both, ", one_refuses, " by one; ", tally.poisoned,
          " instructions poisoned");
  CHECK(tally.different == 0);
  CHECK(pairs >= 60);
}

#else
TEST_CASE("the kernel's own cases of CO-RE") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

}  // namespace
}  // namespace skep
