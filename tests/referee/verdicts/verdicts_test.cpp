// skep's verdicts beside those that the kernel's selftests expect, program by program.
//
// scripts/referee-objects prepares the folder that SKEP_REFEREE_CACHE names; without it nothing is compared. Every
// program goes into a table, SKEP_REFEREE_CACHE/verdicts.tsv; a matrix and its causes are printed. SKEP_REFEREE_ONLY,
// part of an object's name, leaves the others out.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "loader/target_btf.hpp"
#include "referee/verdicts/expectations.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"
#include "verifier/input.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;

enum class Outcome : std::uint8_t { same, strict, lax, later };
constexpr std::string_view kOutcomes[] = {"same", "too strict", "too lax", "not supported"};

/// How many programs came out how, and why.
struct Matrix {
  std::array<std::size_t, 4> counts{};
  std::map<std::string, std::size_t> causes;
};

std::vector<verifier::MapInfo> map_infos(const loader::ObjectSpec& object) {
  std::vector<verifier::MapInfo> maps;
  for (const auto& def : object.maps) {
    const bool frozen = def.origin == loader::MapDef::Origin::rodata || def.origin == loader::MapDef::Origin::kconfig;
    maps.push_back({&def.spec, frozen ? std::span<const std::byte>(def.contents) : std::span<const std::byte>{}});
  }
  return maps;
}

class Judge {
 public:
  explicit Judge(std::shared_ptr<const btf::Btf> types, std::ostream& table)
      : types_(std::move(types)), table_(table) {}

  void judge(const std::string& name, const objects::Image& image) {
    auto object =
        loader::parse_object(image, name, [this]() -> Result<std::shared_ptr<const btf::Btf>> { return types_; });
    if (!object || object->btf == nullptr) return;
    const auto expectations = read_expectations(*object->btf);
    const auto maps = map_infos(*object);
    for (const auto& program : object->programs) {
      const auto found = expectations.find(program->name);
      if (found == expectations.end() || !found->second.privileged.accepted) continue;
      judge(name, *program, maps, *object, *found->second.privileged.accepted, found->second.flags);
    }
  }

  const Matrix& matrix() const { return matrix_; }

 private:
  void judge(const std::string& object, const program::Program& program, std::span<const verifier::MapInfo> maps,
             const loader::ObjectSpec& spec, bool expected, const std::optional<std::string>& flags) {
    verifier::Input input;
    input.program = &program;
    input.maps = maps;
    input.object_types = spec.btf.get();
    input.kernel_types = types_.get();
    // The suite runs these without CAP_PERFMON.
    input.options.privileges.perfmon = object.find("verifier_mtu") == std::string::npos;
    input.options.strict_alignment = flags && *flags == "BPF_F_STRICT_ALIGNMENT";
    input.options.check_often = flags && *flags == "BPF_F_TEST_STATE_FREQ";
    const auto start = std::chrono::steady_clock::now();
    const verifier::Report report = verifier::verify(input);
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
    // Types of the suite's kernel module are not in the BTF at hand.
    const bool later = finding != nullptr &&
                       (verifier::is_unsupported(finding->code) || finding->code == verifier::Code::relocation_missing);
    const Outcome outcome = later                           ? Outcome::later
                            : report.accepted() == expected ? Outcome::same
                            : expected                      ? Outcome::strict
                                                            : Outcome::lax;
    const std::string code = finding == nullptr ? "accepted" : std::string(verifier::name_of(finding->code));
    ++matrix_.counts[static_cast<std::size_t>(outcome)];
    if (outcome != Outcome::same)
      ++matrix_.causes[fmt::format("{}: {}", kOutcomes[static_cast<std::size_t>(outcome)], code)];
    fmt::print(table_, "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", kOutcomes[static_cast<std::size_t>(outcome)], object,
               program.name, name_of(program.type), expected ? "success" : "failure", code,
               finding == nullptr ? "" : fmt::format("insn {}: {}", finding->pc, verifier::text_of(*finding)),
               report.stats.processed, us.count());
  }

  std::shared_ptr<const btf::Btf> types_;
  std::ostream& table_;
  Matrix matrix_;
};

TEST_CASE("annotated selftests get the verdict that they expect") {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  if (cache == nullptr || !fs::exists(fs::path(cache) / "selftests")) {
    MESSAGE("SKIP: no compiled selftests, make referee prepares them");
    return;
  }
  const auto bytes = tools::read_file(fs::path(cache) / "kernel.btf");
  REQUIRE(bytes);
  const auto types = loader::parse_target_btf(*bytes, "kernel.btf");
  REQUIRE(types);
  std::ofstream table(fs::path(cache) / "verdicts.tsv");
  Judge judge(*types, table);
  const char* only = std::getenv("SKEP_REFEREE_ONLY");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(cache) / "selftests"))
    if (entry.path().extension() == ".o") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    if (only != nullptr && name.find(only) == std::string::npos) continue;
    if (const auto image = tools::read_file(file)) judge.judge(name, *image);
  }
  const Matrix& matrix = judge.matrix();
  for (const auto& [cause, count] : matrix.causes) fmt::print("{:6} {}\n", count, cause);
  fmt::print("verdicts: {} same, {} too strict, {} too lax, {} not supported\n", matrix.counts[0], matrix.counts[1],
             matrix.counts[2], matrix.counts[3]);
  CHECK(matrix.counts[0] > 0);
  CHECK(matrix.counts[2] == 0);
}

}  // namespace
}  // namespace skep::referee
