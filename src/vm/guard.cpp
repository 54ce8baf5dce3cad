// The slow halves of guarded operations: what happens when the window of a register does not answer, and whether a
// helper's arguments are what its row in abi/ says.
#include <cstring>

#include "base/guest_memory.hpp"
#include "vm/run.hpp"

namespace skep::vm {
namespace {

/// Linux' bound on sizes that helpers are given.
constexpr std::uint64_t kMaxHelperBytes = std::uint64_t{1} << 29;

std::uint64_t load_sized(std::uint64_t address, unsigned size) noexcept {
  switch (size) {
    case 1:
      return guest_load<std::uint8_t>(address);
    case 2:
      return guest_load<std::uint16_t>(address);
    case 4:
      return guest_load<std::uint32_t>(address);
    default:
      return guest_load<std::uint64_t>(address);
  }
}

void store_sized(std::uint64_t address, unsigned size, std::uint64_t value) noexcept {
  switch (size) {
    case 1:
      return guest_store(address, static_cast<std::uint8_t>(value));
    case 2:
      return guest_store(address, static_cast<std::uint16_t>(value));
    case 4:
      return guest_store(address, static_cast<std::uint32_t>(value));
    default:
      return guest_store(address, value);
  }
}

}  // namespace

bool Run::load_slowly(const lower::Op& op, std::uint64_t address, unsigned size, std::uint64_t& value) noexcept {
  if (address - m_.context_base < m_.context_bytes) {
    const auto field = context_.load(static_cast<std::uint32_t>(address - m_.context_base), size);
    if (field) {
      value = *field;
      return true;
    }
  } else if (open_window(Access::read, op.src, address, size)) {
    value = load_sized(address, size);
    return true;
  }
  fault(op, FaultKind::bad_load, address, size);
  return false;
}

bool Run::store_slowly(const lower::Op& op, std::uint64_t address, unsigned size, std::uint64_t value) noexcept {
  if (address - m_.context_base < m_.context_bytes) {
    if (context_.store(static_cast<std::uint32_t>(address - m_.context_base), size, value)) return true;
  } else if (open_window(Access::write, op.dst, address, size)) {
    store_sized(address, size, value);
    return true;
  }
  fault(op, FaultKind::bad_store, address, size);
  return false;
}

std::uint64_t Run::probe(std::uint64_t address, unsigned size) noexcept {
  return allowed(Access::read, address, size) ? load_sized(address, size) : 0;
}

bool Run::atomic_allowed(const lower::Op& op, Access access, unsigned base, std::uint64_t address,
                         unsigned size) noexcept {
  if (!open_window(access, base, address, size) || (access == Access::write && !allowed(Access::read, address, size))) {
    fault(op, access == Access::read ? FaultKind::bad_load : FaultKind::bad_store, address, size);
    return false;
  }
  if (address % size == 0) return true;
  fault(op, FaultKind::misaligned_atomic, address, size);
  return false;
}

std::uint64_t Run::load_packet(std::uint64_t off, unsigned size) noexcept {
  if (memories().empty()) return lower::kPastPacket;
  const Context::Memory& packet = memories().back();
  if (off > packet.bytes || size > packet.bytes - off) return lower::kPastPacket;
  const std::uint64_t value = load_sized(reinterpret_cast<std::uint64_t>(packet.base) + off, size);
  return __builtin_bswap64(value) >> (64 - 8 * size);
}

bool Run::check_arguments(const lower::Op& op, const abi::Helper& row, const Registers& r) noexcept {
  const maps::MapStorage* map = nullptr;
  for (unsigned i = 0; i < row.args.size(); ++i) {
    if (row.args[i].kind == abi::Arg::none || argument_fits(row, i, r, map)) continue;
    fault(op, FaultKind::bad_argument, r[i + 1], 0);
    fault_->argument = static_cast<std::uint8_t>(i + 1);
    fault_->helper = row.id;
    return false;
  }
  return true;
}

bool Run::argument_fits(const abi::Helper& row, unsigned index, const Registers& r,
                        const maps::MapStorage*& bound) noexcept {
  using enum abi::Arg;
  const std::uint64_t value = r[index + 1];
  const std::uint64_t next = r[index + 2];  // a memory argument is never the last one
  const auto touches = [&](Access access, std::uint64_t bytes) {
    return bytes <= kMaxHelperBytes && (bytes == 0 || allowed(access, value, bytes));
  };
  switch (row.args[index].kind) {
    case none:
    case anything:
    case scalar:
    case callback_ctx:
    case alloc_size:
      return true;
    case ctx_or_null:
      if (value == 0) return true;
      [[fallthrough]];
    case ctx:
      return value == context_.entry().r1;
    case map:
      if (!m_.current->has_map(value) && !held_maps_.holds(value)) return false;
      bound = reinterpret_cast<const maps::MapStorage*>(value);
      return row.maps == 0 || (row.maps >> static_cast<unsigned>(bound->spec().type) & 1) != 0;
    case map_key:
      return bound != nullptr && touches(Access::read, bound->spec().key_size);
    case map_value_or_null:
      if (value == 0) return true;
      [[fallthrough]];
    case map_value:
      return bound != nullptr && touches(Access::read, bound->spec().value_size);
    case map_value_out:
      return bound != nullptr && touches(Access::write, bound->spec().value_size);
    case mem:
    case mem_or_null:
    case mem_mutable:
      return (value == 0 && next == 0) || touches(Access::read, next);
    case mem_out:
    case mem_inout:
    case mem_out_or_null:
    case mem_inout_or_null:
      return (value == 0 && next == 0) || touches(Access::write, next);
    case size:
      return value != 0;
    case size_or_zero:
      return true;
    case record:
      return holds_record(value);
    case callback:
      return m_.current->function_at(value) != nullptr;
    case c_string:
      return holds_c_string(value);
    case fixed_mem:
      return touches(Access::read, row.args[index].bytes);
    case fixed_out:
    case fixed_inout:
      return touches(Access::write, row.args[index].bytes);
    case spin_lock:
    case timer:
    case kptr:
    case dynptr:
    case dynptr_out:
    case sock_common:
    case socket:
    case socket_or_null:
    case btf_sock_common:
    case btf_sock_common_or_null:
    case btf:
    case btf_or_null:
    case object_or_null:
    case percpu_btf:
    case other:
      return false;
  }
  return false;
}

bool Run::holds_record(std::uint64_t address) const noexcept {
  for (unsigned i = 0; i < records_count_; ++i)
    if (reinterpret_cast<std::uint64_t>(records_[i].bytes) == address) return true;
  return false;
}

std::uint64_t Run::readable_room(std::uint64_t address) noexcept {
  if (!m_.current->guarded) return ~address;
  const Window window = find_region(Access::read, address);
  return window.span != 0 ? window.span - (address - window.lo) : 0;
}

bool Run::holds_c_string(std::uint64_t address) noexcept {
  const std::uint64_t room = readable_room(address);
  return room != 0 && std::memchr(reinterpret_cast<const void*>(address), 0, room) != nullptr;
}

}  // namespace skep::vm
