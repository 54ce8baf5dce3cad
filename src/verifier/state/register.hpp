// One register, as the verifier sees it: what kind of value it holds and what is known of it.
//
// A pointer is base + off + num(): `off` is what is known exactly, the number the part that varies (the constant 0 for
// most). A scalar is its number alone. Plain data; the meaning of `target`, `size` and `id` depends on the kind and is
// said there.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "verifier/domain/packed_scalar.hpp"

namespace skep::verifier {

enum class RegKind : std::uint8_t {
  uninit,
  scalar,
  ctx,
  stack,        ///< `frame` says whose
  map,          ///< the map itself; target: index of the map
  map_value,    ///< target: index of the map
  map_key,      ///< target: index of the map
  packet,       ///< size: bytes proven readable behind the base
  packet_meta,  ///< size: likewise
  packet_end,
  flow_keys,
  sock,
  sock_common,
  tcp_sock,
  xdp_sock,
  memory,      ///< size: bytes
  buffer,      ///< memory of a size known only when the program is attached; size: the furthest end seen so far
  tp_buffer,   ///< a writable tracepoint's argument
  btf_object,  ///< a kernel object; target: type id in the kernel's BTF
  function,    ///< target: subprogram
};

/// "map_value", as Linux' log calls it. Static storage.
[[nodiscard]] std::string_view name_of(RegKind kind) noexcept;

/// What qualifies a pointer. Bits of Register::flags.
namespace reg_flag {
inline constexpr std::uint16_t maybe_null = 1 << 0;
inline constexpr std::uint16_t read_only = 1 << 1;
inline constexpr std::uint16_t record = 1 << 2;     ///< memory that ringbuf_reserve gave
inline constexpr std::uint16_t untrusted = 1 << 3;  ///< may be stale: loads are allowed, passing on is not
inline constexpr std::uint16_t trusted = 1 << 4;    ///< stays what it is while the program runs
inline constexpr std::uint16_t percpu = 1 << 5;
inline constexpr std::uint16_t user = 1 << 6;               ///< points to user memory
inline constexpr std::uint16_t plus_const = 1 << 7;         ///< a scalar that is the others of its id plus `off`
inline constexpr std::uint16_t at_packet_end = 1 << 8;      ///< compared: not below the packet's end
inline constexpr std::uint16_t beyond_packet_end = 1 << 9;  ///< compared: above the packet's end
inline constexpr std::uint16_t rcu = 1 << 10;               ///< stays while RCU's read side is held
inline constexpr std::uint16_t plus_const_32 = 1 << 11;     ///< with plus_const: the sum is cut to 32 bits
}  // namespace reg_flag

/// A value's place in the precision graph; 0 where no checkpoint holds what it comes from. See prune/values.hpp.
using ValueNode = std::uint32_t;

/// 64 bytes: the number is kept packed, and what only pointers have shares its place with what only scalars have.
struct Register {
  RegKind kind = RegKind::uninit;
  std::uint8_t frame = 0;
  std::uint16_t flags = 0;
  /// Scalars of one id are equal (or, with plus_const, `off` apart). Pointers of one id come from one unknown base:
  /// what is learnt of one (not null, packet range) holds for all. 0: none.
  std::uint32_t id = 0;
  std::int32_t off = 0;
  ValueNode node = 0;

 private:
  PackedWhole whole_;

 public:
  union {
    PackedHalf half{};  ///< of a scalar's number; see num()
    struct {            ///< of a pointer
      std::uint32_t target, ref, size, unused;
    };
  };

  /// Whether the number, of a scalar or of a pointer's varying part, is a constant; and which.
  [[nodiscard]] bool is_fixed() const noexcept { return whole_.mask == 0; }
  [[nodiscard]] std::uint64_t fixed() const noexcept { return whole_.value; }
  [[nodiscard]] Scalar num() const noexcept { return is_scalar() ? unpack(whole_, half) : unpack(whole_); }
  void set_num(const Scalar& num) noexcept {
    if (is_scalar())
      pack(num, whole_, half);
    else
      whole_ = pack_whole(num);
  }
  /// num() of both are the same.
  [[nodiscard]] bool same_num(const Register& other) const noexcept {
    return whole_ == other.whole_ && (!is_scalar() || half == other.half);
  }
  /// Equal for registers that agree in all but id, reference and node; for others, almost never.
  [[nodiscard]] std::uint64_t digest() const noexcept {
    const auto mix = [](std::uint64_t a, std::uint64_t b) {
      a = (a ^ b) * 0x9e3779b97f4a7c15u;
      return a ^ a >> 29;
    };
    const auto pair = [](std::uint64_t high, std::uint32_t low) { return high << 32 | low; };
    std::uint64_t result =
        mix(static_cast<std::uint64_t>(kind) | pair(static_cast<std::uint32_t>(off), flags) << 8, frame);
    result = mix(mix(mix(mix(result, whole_.value), whole_.mask), whole_.first), whole_.second);
    if (!is_scalar()) return mix(result, pair(target, size));
    return mix(mix(result, pair(half.umin, half.umax)), pair(half.smin, half.smax));
  }
  /// The reference this keeps alive; 0: none.
  [[nodiscard]] std::uint32_t reference() const noexcept { return is_pointer() ? ref : 0; }

  [[nodiscard]] bool is_scalar() const noexcept { return kind == RegKind::scalar; }
  [[nodiscard]] bool is_pointer() const noexcept { return kind != RegKind::scalar && kind != RegKind::uninit; }
  [[nodiscard]] bool is_packet() const noexcept { return kind == RegKind::packet || kind == RegKind::packet_meta; }
  [[nodiscard]] bool is_packet_any() const noexcept { return is_packet() || kind == RegKind::packet_end; }
  [[nodiscard]] bool has(std::uint16_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] bool is_constant() const noexcept { return is_scalar() && is_fixed(); }
  [[nodiscard]] bool is_zero() const noexcept { return is_constant() && fixed() == 0; }

  /// A scalar on its own: what is learnt of others tells nothing of it, nor the other way round.
  void unlink() noexcept {
    id = 0;
    off = 0;
    flags = 0;
  }

  [[nodiscard]] static Register scalar(const Scalar& num, ValueNode node = 0) noexcept {
    Register reg;
    reg.kind = RegKind::scalar;
    reg.set_num(num);
    reg.node = node;
    return reg;
  }
  [[nodiscard]] static Register unknown() noexcept { return scalar(Scalar::unknown()); }
  [[nodiscard]] static Register constant(std::uint64_t value) noexcept { return scalar(Scalar::constant(value)); }
  [[nodiscard]] static Register pointer(RegKind kind, std::uint32_t target = 0, std::uint16_t flags = 0) noexcept {
    Register reg;
    reg.kind = kind;
    reg.target = target;
    reg.flags = flags;
    return reg;
  }
  bool operator==(const Register& other) const noexcept { return words() == other.words(); }

  /// All there is, for comparing and hashing.
  using Words = std::array<std::uint64_t, 8>;
  [[nodiscard]] Words words() const noexcept { return std::bit_cast<Words>(*this); }
};

static_assert(sizeof(Register) == 64 && std::is_trivially_copyable_v<Register>);

}  // namespace skep::verifier
