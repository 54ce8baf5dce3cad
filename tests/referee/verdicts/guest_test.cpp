// skep's verdicts beside those of Debian's 6.12 kernel, which scripts/referee-guest boots in qemu: the kernel that the
// selftests belong to. It also judges what the running kernel may refuse unseen: programs for fentry, fexit, fmod_ret
// and LSM hooks, which are counted by themselves.
//
// What that kernel has to say is asked once and kept in the cache. Every program goes into
// SKEP_REFEREE_CACHE/guest.tsv.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "abi/attach_types.hpp"
#include "loader/target_btf.hpp"
#include "referee/verdicts/kernel_judge.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;

constexpr abi::AttachTypes kHooks =
    abi::attach_types({abi::AttachType::trace_fentry, abi::AttachType::trace_fexit, abi::AttachType::modify_return});

std::string title(const Source& source, const program::Program& program) {
  const auto attach = static_cast<abi::AttachType>(program.expected_attach_type);
  const bool hook = program.type == ProgType::lsm || (program.type == ProgType::tracing && contains(kHooks, attach));
  return hook ? "fentry/fexit/fmod_ret/lsm" : "guest, " + source.name;
}

/// LINUX_KERNEL_VERSION of a release, "6.12.117+deb12-cloud-amd64".
std::uint64_t version_of(const std::string& release) {
  unsigned major = 0, minor = 0, patch = 0;
  REQUIRE(std::sscanf(release.c_str(), "%u.%u.%u", &major, &minor, &patch) == 3);
  return (major << 16) + (minor << 8) + patch;
}

/// What libbpf finds in the guest. Addresses of symbols stand in: they do not matter to a verdict.
loader::Surroundings surroundings(const fs::path& cache) {
  loader::Surroundings around;
  std::ifstream symbols("/proc/kallsyms");
  for (std::string line; std::getline(symbols, line);) {
    const std::size_t name = line.find(' ', line.find(' ') + 1) + 1;
    around.values.try_emplace(line.substr(name, line.find('\t', name) - name), std::uint64_t{1});
  }
  around.values.insert_or_assign("LINUX_KERNEL_VERSION", version_of(text_of(cache / "guest/release")));
  for (const char* has : {"LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER"})
    around.values.insert_or_assign(has, std::uint64_t{1});
  around.kconfig = [cache]() -> Result<loader::KconfigText> {
    return loader::KconfigText{"kernel.config", text_of(cache / "kernel.config")};
  };
  return around;
}

TEST_CASE("programs get the verdict that Debian's 6.12 kernel gives") {
  const auto witness = KernelWitness::open_guest();
  if (!witness) return;
  const fs::path cache = std::getenv("SKEP_REFEREE_CACHE");
  const auto bytes = tools::read_file(cache / "kernel.btf");
  REQUIRE(bytes);
  const auto types = loader::parse_target_btf(*bytes, "kernel.btf");
  REQUIRE(types);
  const loader::Surroundings around = surroundings(cache);
  const auto open = [&](const objects::Found& found) -> std::optional<loader::ObjectSpec> {
    auto object = loader::parse_object(
        found.image, found.name, [&]() -> Result<std::shared_ptr<const btf::Btf>> { return *types; }, around);
    return object ? std::optional(std::move(*object)) : std::nullopt;
  };
  const std::vector<Source> all = sources(cache);
  std::vector<objects::Found> everything;
  for (const Source& source : all) everything.insert(everything.end(), source.found.begin(), source.found.end());
  witness->ask(everything);
  std::ofstream table(cache / "guest.tsv");
  const Kernel kernel{&*witness, *types, open, title};
  KernelJudge judge(kernel, table);
  for (const Source& source : all) judge.judge(source);
  judge.finish();
}

}  // namespace
}  // namespace skep::referee
