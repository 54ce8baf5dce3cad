// Programs that Debian ships in executables: Linux loads them, so the verifier has to accept them.
//
// The kernel's types come from SKEP_REFEREE_CACHE, or from the running kernel. What is refused is listed with its
// reason; programs that need what is not verified yet are counted apart. ir-keytable's objects are not among them: its
// loader puts numbers where the objects load addresses, so that what they hold is not what Linux gets.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "loader/target_btf.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"
#include "verifier/input.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLinuxVersion = 6 << 16 | 12 << 8;

std::shared_ptr<const btf::Btf> kernel_types() {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  const fs::path path = cache != nullptr ? fs::path(cache) / "kernel.btf" : fs::path("/sys/kernel/btf/vmlinux");
  const auto bytes = tools::read_file(path);
  if (!bytes) return nullptr;
  auto types = loader::parse_target_btf(*bytes, path.string());
  return types ? *types : nullptr;
}

/// Stand-ins that the tools replace when they know the file system: here it is ext4.
constexpr std::pair<std::string_view, std::string_view> kReplaced[] = {
    {"dummy_file_read", "ext4_file_read_iter"}, {"dummy_file_write", "ext4_file_write_iter"},
    {"dummy_file_open", "ext4_file_open"},      {"dummy_file_sync", "ext4_sync_file"},
    {"dummy_getattr", "ext4_file_getattr"},
};

program::Program as_loaded(const program::Program& program) {
  program::Program loaded = program;
  for (const auto& [stand_in, real] : kReplaced)
    if (loaded.attach_target == stand_in) loaded.attach_target = real;
  return loaded;
}

struct Tally {
  std::size_t accepted = 0, later = 0, refused = 0;
  std::map<std::string, std::size_t> reasons;
};

void judge(const objects::Found& found, const std::shared_ptr<const btf::Btf>& types, Tally& tally) {
  loader::Surroundings around;
  around.values.emplace("LINUX_KERNEL_VERSION", kLinuxVersion);
  auto object = loader::parse_object(
      found.image, found.name, [&]() -> Result<std::shared_ptr<const btf::Btf>> { return types; }, around);
  if (!object) return;
  std::vector<verifier::MapInfo> maps;
  for (const auto& def : object->maps) {
    const bool frozen = def.origin == loader::MapDef::Origin::rodata || def.origin == loader::MapDef::Origin::kconfig;
    maps.push_back({&def.spec, frozen ? std::span<const std::byte>(def.contents) : std::span<const std::byte>{}});
  }
  for (const auto& spec : object->programs) {
    const program::Program program = as_loaded(*spec);
    verifier::Input input;
    input.program = &program;
    input.maps = maps;
    input.object_types = object->btf.get();
    input.kernel_types = types.get();
    const verifier::Report report = verifier::verify(input);
    if (report.accepted()) {
      ++tally.accepted;
      continue;
    }
    const verifier::Finding& finding = report.findings.front();
    // A program for a tracepoint or function that this kernel lacks is one its application leaves out here.
    const bool later = verifier::is_unsupported(finding.code) || finding.code == verifier::Code::relocation_missing;
    ++(later ? tally.later : tally.refused);
    ++tally.reasons[fmt::format("{}{}: {}", later ? "" : "REFUSED ", verifier::name_of(finding.code),
                                verifier::text_of(finding))];
    fmt::print("{}\t{}\t{}\tinsn {}: {} {}\n", found.name, program.name, program.section, finding.pc,
               verifier::name_of(finding.code), verifier::text_of(finding));
  }
}

TEST_CASE("programs that Debian ships are accepted where all they need is verified") {
  const auto types = kernel_types();
  if (types == nullptr) {
    MESSAGE("SKIP: no kernel BTF here");
    return;
  }
  for (const std::string package : {"libbpf-tools", "xdp-tools"}) {
    Tally tally;
    const auto images = objects::in_executables(package);
    if (images.empty()) MESSAGE("SKIP: " << package << " is not installed");
    for (const auto& image : images) judge(image, types, tally);
    for (const auto& [reason, count] : tally.reasons) fmt::print("{:6} {}\n", count, reason);
    fmt::print("{}: {} accepted, {} refused, {} not supported\n", package, tally.accepted, tally.refused, tally.later);
    CHECK(tally.refused == 0);
  }
}

}  // namespace
}  // namespace skep::referee
