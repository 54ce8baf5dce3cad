// Global functions: what BTF promises about their arguments, so that each is verified once and on its own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "program/program.hpp"
#include "verifier/input.hpp"

namespace skep::verifier {

struct Parameter {
  enum class Kind : std::uint8_t {
    none,
    number,
    ctx,
    memory,
    object,   ///< a trusted kernel object
    refused,  ///< of a type that no global function may take
    unsupported,
  } kind = Kind::none;
  bool or_null = false;     ///< memory, object
  std::uint32_t bytes = 0;  ///< memory
  std::uint32_t type = 0;   ///< object: the struct's id in the kernel's types
};

struct Prototype {
  std::array<Parameter, 5> parameters{};
  bool returns_number = false;
};

/// The prototype of the function that starts at `start`, when it is one that is called by its signature only (linkage
/// global in the object's BTF); nothing for static functions and without BTF.
[[nodiscard]] std::optional<Prototype> global_prototype(const Input& input, std::uint32_t start);

/// The program names a function that runs when it throws.
[[nodiscard]] bool has_exception_callback(const Input& input);
/// Whether the function at `start` is one that BTF says to return a number; nothing without BTF for it.
[[nodiscard]] std::optional<bool> returns_number(const Input& input, std::uint32_t start);

}  // namespace skep::verifier
