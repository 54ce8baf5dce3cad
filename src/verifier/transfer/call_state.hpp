// What is gathered about a helper call while its arguments are checked, for what comes after them.
#pragma once

#include <cstdint>
#include <optional>

#include "abi/helper.hpp"
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {

struct CallState {
  const abi::Helper& helper;
  std::optional<Register> map;                ///< the map argument
  std::optional<std::uint64_t> constant_key;  ///< of a map with 4-byte keys
  ValueNode key_node = 0;                     ///< where that key comes from
  std::uint64_t alloc_bytes = 0;              ///< of alloc_size
  std::uint64_t longest = 0;                  ///< what the last size argument can be at most
  std::uint32_t shared_ref = 0;               ///< the reference an argument holds
  std::uint32_t released_ref = 0;             ///< the reference that ends
  std::uint32_t callback = 0;                 ///< function
  unsigned released_number = 0;
};

/// Checks r1 to r5 against the helper's row, in order.
[[nodiscard]] Objection check_arguments(Walk& walk, const Step& step, CallState& call);
/// `bytes` behind a register are memory that a function may read and change.
[[nodiscard]] Objection check_memory_argument(Walk& walk, const Step& step, unsigned number, std::uint32_t bytes);
/// The register points to a kernel object of that type, or to one that begins with it.
[[nodiscard]] Objection check_object_argument(const Walk& walk, const Step& step, unsigned number, btf::TypeId type);
/// Puts the callback's first run aside, to be walked as one path of its own.
[[nodiscard]] Objection call_back(Walk& walk, const Step& step, const CallState& call);

}  // namespace skep::verifier
