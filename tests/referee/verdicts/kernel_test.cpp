// skep's verdicts beside the running kernel's, for what Debian ships and for the selftests, with the running kernel's
// types and configuration.
//
// What the kernel's verifier does not get to see (no permission to attach, types it lacks, maps it refuses) is counted
// as not judged; guest_test asks another kernel. Every program goes into SKEP_REFEREE_CACHE/kernel.tsv; a matrix is
// printed for each source. differences.txt names the differences that stay.
#include <doctest/doctest.h>

#include <fstream>

#include <skep/skep.hpp>

#include "loader/target_btf.hpp"
#include "referee/verdicts/kernel_judge.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

std::optional<loader::ObjectSpec> open(const objects::Found& found) {
  const auto object = OpenObject::open(found.image, found.name);
  return object ? std::optional(object->spec()) : std::nullopt;
}

TEST_CASE("programs get the verdict that the running kernel gives") {
  const auto witness = KernelWitness::open();
  if (!witness) return;
  const auto bytes = tools::read_file(ObjectOptions::kHostBtf);
  if (!bytes) {
    MESSAGE("SKIP: the running kernel has no BTF");
    return;
  }
  const auto types = loader::parse_target_btf(*bytes, ObjectOptions::kHostBtf);
  REQUIRE(types);
  const std::filesystem::path cache = std::getenv("SKEP_REFEREE_CACHE");
  std::ofstream table(cache / "kernel.tsv");
  const Kernel kernel{&*witness, *types, open,
                      [](const Source& source, const program::Program&) { return "kernel, " + source.name; }};
  KernelJudge judge(kernel, table);
  for (const Source& source : sources(cache)) {
    witness->ask(source.found);
    judge.judge(source);
  }
  judge.finish();
}

}  // namespace
}  // namespace skep::referee
