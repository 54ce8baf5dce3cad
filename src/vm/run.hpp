// One run of a program: its frames, the regions it may touch, what it holds, and how it ended.
//
// A Run lives on the stack of Executable::run and allocates nothing. It is what helpers see as their Env. Guarded ops
// ask it whether an access is allowed; it remembers, per register, the window around the last address that was, so that
// the question is mostly answered by two comparisons (see interpreter.cpp). A window is always a part of one region, or
// of one map value; whatever takes a region away clears all windows, or those of the frame that is left.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <skep/context.hpp>
#include <skep/executable.hpp>

#include "helpers/env.hpp"
#include "isa/table.hpp"
#include "lower/image.hpp"
#include "vm/held_maps.hpp"
#include "vm/machine.hpp"
#include "vm/native.hpp"

namespace skep::vm {

inline constexpr unsigned kMaxTailCalls = 33;
inline constexpr unsigned kMaxRecords = 64;  ///< ring-buffer records held at once
inline constexpr unsigned kMaxLends = 16;

/// What a function runs in, beside its part of the stack. Those of functions that call each other lie in a row.
struct Frame {
  /// Where the function goes on when it returns, and what belongs to the frame there.
  struct Return {
    const lower::Op* op;  ///< null: back to the C++ caller
    const lower::Image* image;
    // Set unless that image has plain frames.
    std::uint64_t may_goto_left;
    std::uint64_t stack_windows;
    /// r6 to r9 as a C++ caller leaves them; another caller's are in its own frame.
    std::array<std::uint64_t, 4> entered;
  };
  Registers r;  ///< of functions that are interpreted; generated code has its own
  Return back;
};

class Run final : public helpers::Env {
 public:
  Run(const lower::Image& image, Context& context, const RunOptions& options, RunResult& result) noexcept;
  ~Run() {
    if ((records_count_ | targets_count_) != 0 || m_.cpu != kNoCpu) give_back();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Runs the entry function to its end, into the `result` that it was made for.
  void finish() noexcept;

  // What helpers may ask for (see HelperCall and Env).
  Host& host() noexcept override { return *image_.host; }
  Context& context() noexcept override { return context_; }
  unsigned cpu() noexcept override;
  const std::byte* readable(std::uint64_t address, std::uint64_t size) noexcept override;
  std::byte* writable(std::uint64_t address, std::uint64_t size) noexcept override;
  bool call_back(std::uint64_t function, const std::array<std::uint64_t, 5>& args, std::uint64_t& r0) override;
  bool hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t size) noexcept override;
  maps::RingBufferMap* release_record(std::byte* record) noexcept override;
  void regions_changed() noexcept override;
  bool hold_map(std::shared_ptr<maps::MapStorage> map) noexcept override { return held_maps_.add(std::move(map)); }
  bool lend(const std::byte* base, std::uint64_t size, bool writable) noexcept override;
  void unlend() noexcept override;
  std::uint64_t readable_room(std::uint64_t address) noexcept override;

 private:
  friend class Interpreter;
  friend struct CallOuts;

  struct Record {
    maps::RingBufferMap* ring;
    std::byte* bytes;
    std::uint64_t size;
  };
  struct Lend {
    std::uint64_t base;
    std::uint64_t bytes;
    bool writable;
  };

  /// Ends what the run holds: records, tail-called programs, its CPU.
  void give_back() noexcept;
  /// Runs the entry function, from the context's registers; r0.
  std::uint64_t begin();
  /// Runs `function` of the current image in a frame of its own until it returns. There is room for the frame.
  std::uint64_t enter(const lower::Function& function, const std::array<std::uint64_t, 5>& args);
  /// Interprets from `op` of the current image until `frame`, the running one, returns to its C++ caller.
  std::uint64_t interpret(const lower::Op* op, Frame& frame);
  /// The ops of `image` as this run interprets them: sequences are fused where nobody counts.
  [[nodiscard]] const lower::Op* ops_of(const lower::Image& image) const noexcept {
    return counted_ || image.fused.empty() ? image.ops.data() : image.fused.data();
  }
  /// The machine code with which this run may run `image`; null when that is for the interpreter.
  [[nodiscard]] const NativeCode* native_of(const lower::Image& image) const noexcept;
  /// Moves the next slice of the budget to Machine::budget. False when the run has ended instead: at `op`, which is not
  /// run any more.
  [[nodiscard]] bool next_slice(const lower::Op& op) noexcept;

  // Frames.
  [[nodiscard]] std::uint64_t stack_top() const noexcept {
    return reinterpret_cast<std::uint64_t>(stack_ + sizeof(stack_));
  }
  [[nodiscard]] unsigned depth() const noexcept {
    return kMaxFrames - static_cast<unsigned>((m_.frame_pointer - m_.lowest_frame) / kFrameBytes);
  }
  [[nodiscard]] Frame& running_frame() noexcept { return frames_[depth() - 1]; }
  /// Makes the frame after `caller` the running one, with the caller's arguments in it. Null when there is no room.
  [[nodiscard]] Frame* push_frame(Frame& caller, const lower::Op* return_to) noexcept;
  /// Makes the frame before `frame` the running one, with the result in it.
  [[nodiscard]] Frame& pop_frame(Frame& frame) noexcept;
  void begin_frame(Frame& frame, const lower::Op* return_to, std::uint64_t frame_pointer) noexcept;
  /// What belongs to the caller's frame is the run's again.
  void end_frame(const Frame::Return& back, std::uint64_t frame_pointer) noexcept;
  /// The part of it that few programs have.
  void come_back(const Frame::Return& back) noexcept;
  /// What `frame` is when a tail call brings it to `target`, which may look at registers that nobody has set.
  void enter_again(Frame& frame, const lower::Image& target) noexcept;
  void clear_frame(const lower::Function& function) noexcept {
    if (function.stack_bytes != 0) clear_stack(function.stack_bytes);
  }
  void clear_stack(std::uint32_t bytes) noexcept;
  /// Voids the windows on the frame that is being left for one of `caller`.
  void leave_stack(const lower::Image& caller) noexcept;

  // Slow halves of guarded ops; false when the run has ended in a fault.
  [[nodiscard]] bool load_slowly(const lower::Op& op, std::uint64_t address, unsigned size,
                                 std::uint64_t& value) noexcept;
  [[nodiscard]] bool store_slowly(const lower::Op& op, std::uint64_t address, unsigned size,
                                  std::uint64_t value) noexcept;
  /// What lies at `address`, 0 where the run may not read.
  [[nodiscard]] std::uint64_t probe(std::uint64_t address, unsigned size) noexcept;
  [[nodiscard]] bool atomic_allowed(const lower::Op& op, Access access, unsigned base, std::uint64_t address,
                                    unsigned size) noexcept;
  /// Finds the region around [address, address + size) and makes it the window of `reg`.
  [[nodiscard]] bool open_window(Access access, unsigned reg, std::uint64_t address, std::uint64_t size) noexcept;
  /// Makes the value of `map` that r0 points to the window of r0, for the accesses that are sure to follow.
  void open_value(const maps::MapStorage& map, const Registers& r) noexcept;
  /// The region, or the map value, around `address`; one that allows nothing when there is none.
  [[nodiscard]] Window find_region(Access access, std::uint64_t address) noexcept;
  [[nodiscard]] bool allowed(Access access, std::uint64_t address, std::uint64_t size) noexcept;

  // Calls.
  [[nodiscard]] bool check_arguments(const lower::Op& op, const abi::Helper& row, const Registers& r) noexcept;
  [[nodiscard]] bool argument_fits(const abi::Helper& row, unsigned index, const Registers& r,
                                   const maps::MapStorage*& map) noexcept;
  void call_helper(const lower::Op& op, const lower::Binding& binding, Registers& r) noexcept;
  /// A helper of the application's. The one place where foreign code may throw.
  void call_app(const lower::Op& op, const HelperSpec& app, Registers& r) noexcept;
  /// callx on something that is no function of the program: a helper's id (uBPF and the conformance files do that).
  void call_named_by_register(const lower::Op& op, Registers& r) noexcept;
  /// The image behind a tail call, kept alive until the run ends; null when the call falls through.
  [[nodiscard]] const lower::Image* tail_target(const Registers& r) noexcept;
  void switch_to(const lower::Image& image) noexcept;
  /// Legacy packet load; lower::kPastPacket when the packet ends before.
  [[nodiscard]] std::uint64_t load_packet(std::uint64_t off, unsigned size) noexcept;

  /// The context's plain memory; asked for when first needed.
  [[nodiscard]] std::span<const Context::Memory> memories() noexcept;

  [[nodiscard]] bool holds_record(std::uint64_t address) const noexcept;
  [[nodiscard]] bool holds_c_string(std::uint64_t address) noexcept;
  /// `op` is one of ops_of() the current image.
  void fault(const lower::Op& op, FaultKind kind, std::uint64_t address = 0, std::uint64_t size = 0) noexcept;
  void name_region(std::uint64_t address) noexcept;

  const lower::Image& image_;  // the one the run started with
  Context& context_;
  Machine m_;
  std::uint64_t total_;    // of the budget, when there is one
  std::uint64_t reserve_;  // of the budget, beyond the slice in m_
  const std::atomic<bool>* const stop_;
  RunResult& result_;
  Fault* fault_;        // of the result, once there is one
  const bool counted_;  // has a budget, or may be stopped
  unsigned tail_calls_ = 0;
  unsigned targets_count_ = 0;
  unsigned records_count_ = 0;
  unsigned lends_count_ = 0;
  bool knows_memories_ = false;
  HeldMaps held_maps_;

  // Left uninitialised on purpose: a run pays for what it uses. Only the first `count` entries mean something.
  std::size_t memories_count_;
  union {
    std::array<Context::Memory, Context::kMaxMemories> memories_;
  };
  std::array<Frame, kMaxFrames> frames_;
  std::array<Record, kMaxRecords> records_;
  std::array<Lend, kMaxLends> lends_;
  alignas(std::shared_ptr<const maps::TailTarget>)
      std::byte targets_[kMaxTailCalls * sizeof(std::shared_ptr<const maps::TailTarget>)];
  alignas(16) std::byte stack_[kMaxFrames * kFrameBytes];
};

inline void Run::begin_frame(Frame& frame, const lower::Op* return_to, std::uint64_t frame_pointer) noexcept {
  frame.back.op = return_to;
  frame.back.image = m_.current;
  if (!__builtin_expect(m_.current->plain_frames, true)) {
    frame.back.may_goto_left = std::exchange(m_.may_goto_left, kMayGotoLimit);
    frame.back.stack_windows = std::exchange(m_.stack_windows, 0);
  }
  frame.r[isa::kFramePointer] = m_.frame_pointer = frame_pointer;
}

inline void Run::end_frame(const Frame::Return& back, std::uint64_t frame_pointer) noexcept {
  if (!__builtin_expect(m_.current == back.image && back.image->plain_frames, true)) come_back(back);
  m_.frame_pointer = frame_pointer;
}

/// kCount registers from `kFirst` on, one by one: they have been stored so just now, and a wider load would wait until
/// the stores have reached the cache.
template <std::size_t kFirst, std::size_t kCount>
inline void copy_registers(const Registers& from, Registers& to) noexcept {
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) { ((to[kFirst + kIndex] = from[kFirst + kIndex]), ...); }
  (std::make_index_sequence<kCount>());
}

// Proven functions look at no registers but their arguments, and their callers at no other than the result.

inline Frame* Run::push_frame(Frame& caller, const lower::Op* return_to) noexcept {
  if (&caller == &frames_.back()) return nullptr;
  Frame& frame = (&caller)[1];
  if (__builtin_expect(m_.current->proven, true))
    copy_registers<1, 5>(caller.r, frame.r);
  else
    copy_registers<0, isa::kFramePointer>(caller.r, frame.r);
  begin_frame(frame, return_to, caller.r[isa::kFramePointer] - kFrameBytes);
  return &frame;
}

inline Frame& Run::pop_frame(Frame& frame) noexcept {
  Frame& caller = (&frame)[-1];
  caller.r[0] = frame.r[0];
  if (!__builtin_expect(frame.back.image->proven, true)) copy_registers<1, 5>(frame.r, caller.r);
  end_frame(frame.back, frame.r[isa::kFramePointer] + kFrameBytes);
  return caller;
}

inline void Run::call_helper(const lower::Op& op, const lower::Binding& binding, Registers& r) noexcept {
  // A slice of the budget may be full of calls, and each of them may take long.
  if (__builtin_expect(stop_->load(std::memory_order_relaxed), false)) return fault(op, FaultKind::stopped);
  m_.calling = &op;
  if (binding.code == nullptr) return call_app(op, *binding.app, r);
  r[0] = binding.code(*this, r[1], r[2], r[3], r[4], r[5]);
}

/// Runs `image` on `context`; see Executable::run.
[[nodiscard]] RunResult run(const lower::Image& image, Context& context, const RunOptions& options) noexcept;

}  // namespace skep::vm
