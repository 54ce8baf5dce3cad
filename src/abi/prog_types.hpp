// THE program-type table: what each type of program gets, may do and must return, as data.
//
// One row for each type of Linux 6.18. Where the attach type decides, rows name the attach types; Linux reads attach
// type 0 as another one in two types (effective_attach_type), and every function here does, too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <skep/types.hpp>

#include "abi/attach_types.hpp"
#include "abi/context_fields.hpp"
#include "abi/sets.hpp"

namespace skep::abi {

/// How the rules for r1 are found.
enum class ContextForm : std::uint8_t {
  fields,         ///< ProgTypeSpec::layout says what lies where
  btf_arguments,  ///< 8-byte slots, one an argument, typed by the BTF of what the program is attached to
  target,         ///< whatever the replaced function takes (ext)
  none,           ///< skep's own type without kernel: nothing is known of r1
};

/// What a program may do through packet pointers from its context, inside the range it has proven.
enum class PacketAccess : std::uint8_t {
  none,       ///< there are none
  load_only,  ///< load; no helper takes them
  read,       ///< load, and pass to helpers with reads_packet
  write,      ///< the same, and store
};

/// Whether programs of a type may, or must, be sleepable.
enum class Sleepable : std::uint8_t { never, may, must };

/// What loading takes besides CAP_BPF; unprivileged users may load types that take nothing.
enum class LoadNeeds : std::uint8_t { nothing, bpf, net_admin, perfmon, net_admin_and_perfmon };

struct ProgTypeSpec {
  ProgType type = ProgType::unspec;
  ContextForm context = ContextForm::none;
  const ContextLayout* layout = nullptr;  ///< of r1, for ContextForm::fields
  PacketAccess packet = PacketAccess::none;
  Sleepable sleepable = Sleepable::never;
  AttachTypes sleepable_attach = kAnyAttachType;  ///< the attach types for which `sleepable` holds; never elsewhere
  AttachTypes attach = kAnyAttachType;            ///< legal expected attach types; most types take any number
  LoadNeeds needs = LoadNeeds::bpf;
  bool packet_loads = false;  ///< LD_ABS and LD_IND are allowed
  bool tracing = false;       ///< may not use maps whose values hold spin locks, timers, lists, trees or work queues
  /// Helpers take packet pointers as memory even without reads_packet (cgroup_sockopt: its packet is an option's
  /// value).
  bool packet_arguments = false;
};

/// What r0 must be at the end of a program.
struct ReturnRule {
  enum class Kind : std::uint8_t {
    anything,  ///< any number; no pointer where pointers must not leak
    range,     ///< a number in [low, high], signed 32-bit bounds
    hook,      ///< what the LSM hook returns: [-4095, 0] for int, [0, 1] for bool, anything for void
    member,    ///< what the struct_ops member returns: anything but a pointer it does not hold; nothing for void
  };
  Kind kind = Kind::anything;
  std::int32_t low = 0;
  std::int32_t high = 0;
};

/// Every row, by type; the first is unspec's.
[[nodiscard]] std::span<const ProgTypeSpec> prog_type_specs() noexcept;
/// The row of `type`; null when Linux 6.18 has no such type.
[[nodiscard]] const ProgTypeSpec* find_prog_type(ProgType type) noexcept;

/// The attach type that Linux takes `attach` for.
[[nodiscard]] constexpr AttachType effective_attach_type(ProgType type, AttachType attach) noexcept {
  if (attach != AttachType{}) return attach;
  if (type == ProgType::cgroup_sock) return AttachType::cgroup_inet_sock_create;
  if (type == ProgType::sk_reuseport) return AttachType::sk_reuseport_select;
  return attach;
}

/// What a program of `type` and `attach` must return. Callbacks and subprograms have rules of their own.
[[nodiscard]] ReturnRule return_rule(ProgType type, AttachType attach) noexcept;

/// Whether a program of `type` and `attach` may be loaded as sleepable, or not otherwise.
[[nodiscard]] Sleepable sleepable(ProgType type, AttachType attach) noexcept;

}  // namespace skep::abi
