// Values as JSON by their BTF type, and back: what one direction writes, the other reads.
//
// Structs are objects, arrays are arrays, arrays of char are strings, enums are names, pointers are hex strings, other
// numbers are numbers; a value without a type is a string of hex bytes. Reading also takes numbers as strings ("0x10"),
// any value as hex bytes, and leaves missing members zero.
#pragma once

#include <cstddef>
#include <span>

#include <nlohmann/json.hpp>

#include <skep/error.hpp>

#include "btf/btf.hpp"

namespace skep::cli {

using Json = nlohmann::ordered_json;

/// A type in some BTF; without BTF, or with type 0, a value is so many bytes.
struct ValueType {
  const btf::Btf* btf = nullptr;
  btf::TypeId id = 0;
  [[nodiscard]] bool known() const { return btf != nullptr && id != 0; }
};

/// Bytes that are missing read as null.
[[nodiscard]] Json to_json(const ValueType& type, std::span<const std::byte> bytes);

/// Fills `out`, all of it. Errors: malformed; where is the path inside the value (".ports[2]"), empty for the whole.
[[nodiscard]] Result<void> from_json(const ValueType& type, const Json& json, std::span<std::byte> out);

/// Text for standard output: two blanks a level; what is no UTF-8 is replaced.
[[nodiscard]] std::string json_text(const Json& json);

}  // namespace skep::cli
