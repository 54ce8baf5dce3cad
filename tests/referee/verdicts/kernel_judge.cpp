// Opening objects as the kernel's witness did, asking skep, and counting.
#include "referee/verdicts/kernel_judge.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ostream.h>

namespace skep::referee {
namespace {

using objects::Found;

constexpr std::uint32_t kEntries = 1024;  // of maps whose size an application sets; the witness gives them the same

/// Stand-ins that the tools replace when they know the file system; the witness takes functions of every kernel.
constexpr std::pair<std::string_view, std::string_view> kReplaced[] = {
    {"dummy_file_read", "generic_file_read_iter"}, {"dummy_file_write", "generic_file_write_iter"},
    {"dummy_file_open", "generic_file_open"},      {"dummy_file_sync", "noop_fsync"},
    {"dummy_getattr", "simple_getattr"},
};

program::Program as_loaded(const program::Program& program) {
  program::Program loaded = program;
  for (const auto& [stand_in, real] : kReplaced)
    if (loaded.attach_target == stand_in) loaded.attach_target = real;
  return loaded;
}

}  // namespace

std::vector<Source> sources(const std::filesystem::path& cache) {
  std::vector<Source> all;
  all.push_back({"xdp-tools", objects::in_executables("xdp-tools")});
  all.push_back({"libbpf-tools", objects::in_executables("libbpf-tools")});
  all.push_back({"selftests", objects::in_folder((cache / "selftests").string(), ".bpf.o")});
  const char* only = std::getenv("SKEP_REFEREE_ONLY");
  for (Source& source : all) {
    if (source.found.empty()) MESSAGE("SKIP: no objects of " << source.name);
    if (only != nullptr)
      std::erase_if(source.found, [only](const Found& each) { return each.name.find(only) == std::string::npos; });
  }
  return all;
}

void KernelJudge::judge(const Source& source) {
  for (const Found& found : source.found) judge(source, found);
}

void KernelJudge::judge(const Source& source, const Found& found) {
  const KernelWords words = kernel_.witness->about(found);
  auto opened = kernel_.open(found);
  if (!opened) return;
  SuiteObject object;
  object.name = found.name;
  object.spec = std::move(*opened);
  for (auto& map : object.spec.maps)
    if (map.spec.max_entries == 0) map.spec.max_entries = kEntries;
  object.maps = map_infos(object.spec);
  object.kernel_types = kernel_.types.get();
  if (object.spec.btf != nullptr) object.expectations = read_expectations(*object.spec.btf);
  for (const auto& program : object.spec.programs) {
    const auto word = words.find(program->name);
    if (word != words.end() && word->second.verdict != KernelWord::Verdict::unjudged)
      judge(source, object, as_loaded(*program), word->second);
    else
      ++unjudged_[kernel_.title(source, *program)];
  }
}

void KernelJudge::judge(const Source& source, const SuiteObject& object, const program::Program& program,
                        const KernelWord& word) {
  const auto expected = object.expectations.find(program.name);
  verifier::Input input = object.input(
      program, expected == object.expectations.end() ? Expectations{} : expected->second, User::privileged);
  input.options.privileges = {};
  const verifier::Report report = verifier::verify(input);
  const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
  const bool accepts = word.verdict == KernelWord::Verdict::accepted;
  const Outcome outcome = compare(accepts, finding);
  const auto code = finding == nullptr ? "accepted" : verifier::name_of(finding->code);
  const std::string title = kernel_.title(source, program);
  matrices_.try_emplace(title, title)
      .first->second.count(outcome, object.name, program.name, outcome == Outcome::lax ? word.message : code);
  if (accepts && finding == nullptr) {
    Processed& processed = processed_[title];
    const std::uint64_t ours = report.stats.processed;
    ++(ours == word.processed ? processed.as_many : ours < word.processed ? processed.fewer : processed.more);
  }
  fmt::print(table_, "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", source.name, name_of(outcome), object.name,
             program.name, skep::name_of(program.type), accepts ? "accepted" : "refused", word.message, code,
             finding == nullptr ? "" : fmt::format("insn {}: {}", finding->pc, verifier::text_of(*finding)),
             word.processed, report.stats.processed);
}

void KernelJudge::finish() const {
  CHECK(!matrices_.empty());
  for (const auto& [title, matrix] : matrices_) {
    matrix.print();
    CHECK(matrix.same_share() >= 99);
    CHECK(matrix[Outcome::lax] == 0);
    CHECK(matrix.unexplained.empty());
    if (std::getenv("SKEP_REFEREE_ONLY") == nullptr) CHECK(matrix.known.unseen().empty());
  }
  for (const auto& [title, processed] : processed_)
    fmt::print("{}: {} accepted after as many instructions as by Linux, {} after fewer, {} after more\n", title,
               processed.as_many, processed.fewer, processed.more);
  for (const auto& [title, number] : unjudged_) fmt::print("{}: {} not judged by the kernel\n", title, number);
}

}  // namespace skep::referee
