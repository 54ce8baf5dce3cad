// A report depends on the witness and on the kernel that it asks.
#include "referee/verdicts/kernel_word.hpp"

#include <doctest/doctest.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "support/kernel.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;

KernelWord::Verdict verdict_of(const std::string& word) {
  if (word == "accepted") return KernelWord::Verdict::accepted;
  return word == "refused" ? KernelWord::Verdict::refused : KernelWord::Verdict::unjudged;
}

}  // namespace

std::optional<KernelWitness> KernelWitness::open() {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  const fs::path witness = fs::path(cache == nullptr ? "" : cache) / "kernel_witness";
  const auto bytes = tools::read_file(witness);
  if (!bytes) {
    MESSAGE("SKIP: no witness of the running kernel, make referee builds it");
    return {};
  }
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return {};
  }
  utsname system{};
  ::uname(&system);
  const std::string_view release = system.release;
  const std::uint64_t depends = digest(std::as_bytes(std::span(release)), digest(*bytes));
  return KernelWitness(witness.string(), Reports(cache, "kernel", depends), false);
}

std::optional<KernelWitness> KernelWitness::open_guest() {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  const fs::path guest = fs::path(cache == nullptr ? "" : cache) / "guest";
  const auto witness = tools::read_file(guest / "witness"), release = tools::read_file(guest / "release");
  if (!witness || !release) {
    MESSAGE("SKIP: no guest with Debian's 6.12 kernel, make referee prepares it");
    return {};
  }
  for (const char* tool : {"qemu-system-x86_64", "cpio"})
    if (!tools::have(tool)) {
      MESSAGE("SKIP: no " << tool << ", make setup-referee installs it");
      return {};
    }
  return KernelWitness(fmt::format("scripts/referee-guest {}", cache),
                       Reports(cache, "guest", digest(*release, digest(*witness))), true);
}

void KernelWitness::ask(const std::vector<objects::Found>& found) const {
  CHECK((at_once_ ? reports_.ask_at_once(found, command_) : reports_.ask(found, command_)));
}

KernelWords KernelWitness::about(const objects::Found& found) const {
  KernelWords words;
  std::istringstream report(reports_.about(found));
  for (std::string line; std::getline(report, line);) {
    std::istringstream fields(line);
    std::string what, name, type, word, processed, result;
    for (std::string* field : {&what, &name, &type, &word, &processed, &result}) std::getline(fields, *field, '\t');
    KernelWord& said = words[name];
    said.verdict = verdict_of(word);
    said.processed = static_cast<std::uint32_t>(std::strtoul(processed.c_str(), nullptr, 10));
    if (result != "-") said.result = static_cast<std::uint32_t>(std::strtoul(result.c_str(), nullptr, 10));
    std::getline(fields, said.message);
  }
  return words;
}

}  // namespace skep::referee
