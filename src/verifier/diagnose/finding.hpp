// What is wrong with a program, as data: a stable code, the instruction, and the numbers that mattered.
//
// A transfer gives back nothing or one of these; it never makes text. codes.inc says how each reads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skep::verifier {

/// One enumerator a row of codes.inc. Names are stable.
enum class Code : std::uint16_t {
#define SKEP_CODE(name, ...) name,
#include "verifier/diagnose/codes.inc"
};

struct Finding {
  Code code{};
  std::uint32_t pc = 0;
  /// What the row's text names as {0}, {1}, …
  std::array<std::int64_t, 5> numbers{};
  /// What it names as {name}: static storage or owned by the program.
  std::string_view name;
};

/// Nothing, or what is wrong.
using Objection = std::optional<Finding>;

/// The code's name: "stack_uninitialized".
[[nodiscard]] std::string_view name_of(Code code) noexcept;
/// True when the program may be sound, but asks for what this verifier does not judge yet.
[[nodiscard]] bool is_unsupported(Code code) noexcept;
/// One line in plain words: what was seen against what is needed.
[[nodiscard]] std::string text_of(const Finding& finding);
/// True when the finding's number of this index is a register: its text says r{index}.
[[nodiscard]] bool names_register(Code code, unsigned index);
/// What to do about it; empty where there is no common answer. See suggest() for better ones.
[[nodiscard]] std::string_view suggestion_of(Code code) noexcept;

}  // namespace skep::verifier
