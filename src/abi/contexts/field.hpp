// What one row of a context table says: where a field lies, who may read and write it, and what a load yields.
//
// Offsets, sizes and names are Linux' (UAPI bpf.h, 6.18, x86-64). An access is legal when some row of the structure
// allows it; every access must be aligned to its size.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <skep/types.hpp>

#include "abi/attach_types.hpp"
#include "abi/kernel_types.hpp"
#include "abi/sets.hpp"

namespace skep::abi {

/// What a load of a field yields.
enum class FieldKind : std::uint8_t {
  scalar,               ///< a number
  packet,               ///< a pointer to the packet's first byte, or to an option's value
  packet_end,           ///< a pointer behind its last one
  packet_meta,          ///< a pointer to the metadata in front of the packet
  flow_keys,            ///< a pointer to a struct bpf_flow_keys, which may be read and written
  socket,               ///< a full socket, seen through struct bpf_sock
  socket_or_null,       ///< the same, or null
  sock_common_or_null,  ///< a socket of any form, or null
  tp_buffer,            ///< a buffer that the tracepoint lets be written; its size is known at attachment
  btf,                  ///< a trusted kernel pointer to ContextField::type
};

/// Sets of access sizes: the sizes themselves are the bits.
inline constexpr std::uint8_t kUpTo4 = 1 | 2 | 4;
inline constexpr std::uint8_t kUpTo8 = 1 | 2 | 4 | 8;

struct ContextField {
  std::string_view name;
  std::uint32_t off = 0;
  std::uint32_t size = 4;  ///< of a full access; a pointer field yields all 64 bits whatever this says
  FieldKind kind = FieldKind::scalar;
  std::uint32_t bytes = size;                            ///< extent, larger than `size` for arrays
  std::uint8_t loads = static_cast<std::uint8_t>(size);  ///< sizes of loads; fewer bytes than `size` load a part
  std::uint8_t stores = 0;                               ///< sizes of stores
  ProgTypes readers = kAllProgTypes;                     ///< of the program types that have this structure
  ProgTypes writers = kAllProgTypes;                     ///<
  AttachTypes read_attach = kAnyAttachType;              ///<
  AttachTypes write_attach = kAnyAttachType;             ///<
  Privilege read_needs = Privilege::none;                ///<
  Privilege write_needs = Privilege::none;               ///<
  KernelType type = KernelType::none;                    ///< for FieldKind::btf
  bool only_start = false;                               ///< an access must start at `off`: no second half of it
};

struct ContextLayout {
  std::string_view name;  ///< of the structure, as Linux calls it
  std::uint32_t bytes = 0;
  std::span<const ContextField> fields;  ///< by ascending offset; rows may overlap
};

enum class ContextAccess : std::uint8_t { load, sign_extending_load, store };

/// Whether `field` alone allows the access, privileges aside.
[[nodiscard]] constexpr bool allows(const ContextField& field, ProgType type, AttachType attach, std::uint32_t off,
                                    std::uint32_t size, ContextAccess access) noexcept {
  if (off < field.off || off - field.off >= field.bytes || size > field.bytes - (off - field.off)) return false;
  if (off % size != 0 || (field.only_start && off != field.off)) return false;
  if (access == ContextAccess::store)
    return (field.stores & size) != 0 && contains(field.writers, type) && contains(field.write_attach, attach);
  if (access == ContextAccess::sign_extending_load && field.kind != FieldKind::scalar) return false;
  return (field.loads & size) != 0 && contains(field.readers, type) && contains(field.read_attach, attach);
}

/// The row that allows the access, null when none does. `size` is 1, 2, 4 or 8.
[[nodiscard]] constexpr const ContextField* find_context_access(const ContextLayout& layout, ProgType type,
                                                                AttachType attach, std::uint32_t off,
                                                                std::uint32_t size, ContextAccess access) noexcept {
  for (const ContextField& field : layout.fields)
    if (allows(field, type, attach, off, size, access)) return &field;
  return nullptr;
}

}  // namespace skep::abi
