// Findings as text. The only place in the verifier that makes any.
#include <array>

#include <fmt/format.h>

#include "verifier/diagnose/finding.hpp"

namespace skep::verifier {
namespace {

enum class Scope : std::uint8_t { rule, later, malformed };

struct Row {
  std::string_view name;
  Scope scope;
  std::string_view text;
  std::string_view suggestion;
};

constexpr Row kRows[] = {
#define SKEP_CODE(name, scope, text, suggestion) {#name, Scope::scope, text, suggestion},
#include "verifier/diagnose/codes.inc"
};

const Row& row(Code code) { return kRows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name_of(Code code) noexcept { return row(code).name; }

bool is_unsupported(Code code) noexcept { return row(code).scope == Scope::later; }

std::string text_of(const Finding& finding) {
  const auto& n = finding.numbers;
  return fmt::format(fmt::runtime(row(finding.code).text), n[0], n[1], n[2], n[3], n[4], fmt::arg("n", finding.name));
}

bool names_register(Code code, unsigned index) {
  return row(code).text.find(fmt::format("r{{{}}}", index)) != std::string_view::npos;
}

std::string_view suggestion_of(Code code) noexcept { return row(code).suggestion; }

}  // namespace skep::verifier
