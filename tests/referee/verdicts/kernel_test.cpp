// skep's verdicts beside the running kernel's, for what Debian ships and for the selftests, with the running kernel's
// types and configuration.
//
// What the kernel's verifier does not get to see (no permission to attach, types it lacks, maps it refuses) is counted
// as not judged. Every program goes into SKEP_REFEREE_CACHE/kernel.tsv; a matrix is printed for each source.
// differences.txt names the differences that stay.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <skep/skep.hpp>

#include "loader/target_btf.hpp"
#include "referee/verdicts/kernel_word.hpp"
#include "referee/verdicts/matrix.hpp"
#include "referee/verdicts/suite.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;
using objects::Found;

struct Source {
  std::string name;
  std::vector<Found> found;
};

std::vector<Source> sources(const fs::path& cache) {
  std::vector<Source> all;
  all.push_back({"xdp-tools", objects::in_executables("xdp-tools")});
  all.push_back({"libbpf-tools", objects::in_executables("libbpf-tools")});
  all.push_back({"ir-keytable", objects::in_folder("/lib/udev/rc_keymaps/protocols", ".o")});
  all.push_back({"selftests", objects::in_folder((cache / "selftests").string(), ".bpf.o")});
  const char* only = std::getenv("SKEP_REFEREE_ONLY");
  for (Source& source : all) {
    if (source.found.empty()) MESSAGE("SKIP: no objects of " << source.name);
    if (only != nullptr)
      std::erase_if(source.found, [only](const Found& each) { return each.name.find(only) == std::string::npos; });
  }
  return all;
}

class Judge {
 public:
  Judge(const Source& source, const KernelWitness& witness, const btf::Btf& types, std::ostream& table)
      : matrix("kernel, " + source.name), source_(source), witness_(witness), types_(types), table_(table) {}

  void run() {
    witness_.ask(source_.found);
    for (const Found& found : source_.found) judge(found);
  }

  Matrix matrix;
  std::size_t unjudged = 0;

 private:
  void judge(const Found& found) {
    const KernelWords words = witness_.about(found);
    const auto open = OpenObject::open(found.image, found.name);
    if (!open) return;
    SuiteObject object;
    object.name = found.name;
    object.spec = open->spec();
    // Sizes that an application sets; the witness gives the kernel's maps the same.
    for (auto& map : object.spec.maps)
      if (map.spec.max_entries == 0) map.spec.max_entries = 1024;
    object.maps = map_infos(object.spec);
    object.kernel_types = &types_;
    if (object.spec.btf != nullptr) object.expectations = read_expectations(*object.spec.btf);
    for (const auto& program : object.spec.programs) {
      const auto word = words.find(program->name);
      if (word != words.end() && word->second.verdict != KernelWord::Verdict::unjudged)
        judge(object, *program, word->second);
      else
        ++unjudged;
    }
  }

  void judge(const SuiteObject& object, const program::Program& program, const KernelWord& word) {
    const auto expected = object.expectations.find(program.name);
    verifier::Input input = object.input(
        program, expected == object.expectations.end() ? Expectations{} : expected->second, User::privileged);
    input.options.privileges = {};
    const verifier::Report report = verifier::verify(input);
    const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
    const bool accepts = word.verdict == KernelWord::Verdict::accepted;
    const Outcome outcome = compare(accepts, finding);
    const auto code = finding == nullptr ? "accepted" : verifier::name_of(finding->code);
    matrix.count(outcome, object.name, program.name, outcome == Outcome::lax ? word.message : code);
    fmt::print(table_, "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", source_.name, name_of(outcome), object.name,
               program.name, skep::name_of(program.type), accepts ? "accepted" : "refused", word.message, code,
               finding == nullptr ? "" : fmt::format("insn {}: {}", finding->pc, verifier::text_of(*finding)),
               word.processed, report.stats.processed);
  }

  const Source& source_;
  const KernelWitness& witness_;
  const btf::Btf& types_;
  std::ostream& table_;
};

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
  const fs::path cache = std::getenv("SKEP_REFEREE_CACHE");
  std::ofstream table(cache / "kernel.tsv");
  for (const Source& source : sources(cache)) {
    Judge judge(source, *witness, **types, table);
    judge.run();
    judge.matrix.print();
    fmt::print("kernel, {}: {} not judged by the kernel\n", source.name, judge.unjudged);
    CHECK(judge.matrix.same_share() >= 99);
    CHECK(judge.matrix[Outcome::lax] == 0);
    CHECK(judge.matrix.unexplained.empty());
    if (std::getenv("SKEP_REFEREE_ONLY") == nullptr) CHECK(judge.matrix.known.unseen().empty());
  }
}

}  // namespace
}  // namespace skep::referee
