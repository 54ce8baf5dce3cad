// What a program with typed arguments attaches to, found in the kernel's BTF: a tracepoint, a function, an iterator or
// an LSM hook, and what each of its arguments is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "abi/attach_targets.hpp"
#include "abi/attach_types.hpp"
#include "btf/btf.hpp"
#include "verifier/input.hpp"

namespace skep::verifier {

struct Target {
  enum class Kind : std::uint8_t { tracepoint, function, iterator, hook };
  Kind kind = Kind::function;
  const btf::Btf* types = nullptr;  ///< where the ids come from
  btf::TypeId proto = 0;            ///< Kind::func_proto
  std::uint32_t skipped = 0;        ///< parameters in front that are no arguments: a tracepoint's own data
  bool returns = false;             ///< the context ends with what the function returned
  bool trusted = false;             ///< pointers among the arguments are
  const abi::TracepointArgs* tracepoint = nullptr;
  const abi::IterTarget* iterator = nullptr;
  const abi::LsmHook* hook = nullptr;

  /// The function (hook) returns nothing.
  [[nodiscard]] bool is_void() const noexcept { return types->type(proto).ref == 0; }
  [[nodiscard]] bool is_bool_hook() const noexcept { return hook != nullptr && (hook->flags & abi::hook_bool) != 0; }
};

/// One argument, as a program that loads it sees it.
struct Argument {
  enum class Kind : std::uint8_t { refused, number, result, object, buffer } kind = Kind::refused;
  std::uint16_t flags = 0;  ///< reg_flag, of object and buffer
  btf::TypeId type = 0;     ///< object: the struct
};

/// Looks for the target of `input.program` (whose context is typed) in the kernel's types. Nothing in `target` without
/// an objection: the program's context is not typed.
[[nodiscard]] Objection find_target(const Input& input, std::optional<Target>& target);
/// What the `bytes` at `offset` of the context are.
[[nodiscard]] Argument argument_at(const Target& target, std::uint32_t offset, std::uint32_t bytes);

}  // namespace skep::verifier
