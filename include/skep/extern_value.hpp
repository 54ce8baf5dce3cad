// A value that an application gives for a name which an object leaves to its surroundings: a kernel's configuration
// (CONFIG_HZ), a fact about the kernel (LINUX_KERNEL_VERSION), the address of a kernel symbol.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace skep {

/// A number or a text. Plain data; numbers and texts convert to it, so that `{"CONFIG_HZ", 250}` is one.
class ExternValue {
 public:
  /// Negative numbers stand for themselves in signed variables; in unsigned ones they do not fit.
  template <std::integral T>
  ExternValue(T number) : value_(static_cast<std::uint64_t>(number)) {}
  /// The contents of an array of char; "y", "n" or "m" of a bool, an enum libbpf_tristate or a char.
  ExternValue(std::string text) : value_(std::move(text)) {}
  ExternValue(const char* text) : value_(std::string(text)) {}

  /// The number, sign-extended; null for a text.
  [[nodiscard]] const std::uint64_t* number() const noexcept { return std::get_if<std::uint64_t>(&value_); }
  /// Null for a number.
  [[nodiscard]] const std::string* text() const noexcept { return std::get_if<std::string>(&value_); }

 private:
  std::variant<std::uint64_t, std::string> value_;
};

}  // namespace skep
