// A program of ours and the same one in the running kernel, each with maps of its own that hold the same.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "referee/traffic.hpp"
#include "support/kernel_map.hpp"
#include "support/roads.hpp"

namespace skep::referee {

/// What one packet came to.
struct Outcome {
  std::uint32_t verdict = 0;
  Frame meta;
  Frame frame;
  std::string fault;  ///< why there is no verdict; empty when there is one
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Key to value, as bytes.
using Contents = std::map<std::string, std::string>;

class Twin {
 public:
  /// Opens `image` anew here and makes its maps in the kernel, with what `configure` made of the opened object on both
  /// sides. Error: why program `name` cannot be run on one of them, or not here on this road.
  [[nodiscard]] static Result<Twin> make(const Frame& image, const std::string& name, const test::Road& road,
                                         const std::function<void(OpenObject&)>& configure);

  [[nodiscard]] const Program& program() const { return executable_.program(); }
  [[nodiscard]] const Object& object() const { return object_; }

  /// Puts an entry into both maps of that name, or into none where one side refuses it. False when there is no such
  /// map.
  bool put(std::string_view map, std::span<const std::byte> key, std::span<const std::byte> value);

  /// Freezes the constants and loads the program into the kernel. Error: why the kernel refuses it.
  [[nodiscard]] Result<void> load();

  [[nodiscard]] Outcome run_here(const Frame& frame);
  [[nodiscard]] Outcome run_in_kernel(const Frame& frame) const;

  /// Names of the maps whose contents can be compared and are not the same.
  [[nodiscard]] std::vector<std::string> different_maps() const;

 private:
  Twin(Object object, Executable executable) : object_(std::move(object)), executable_(std::move(executable)) {}
  Result<void> make_kernel_maps();
  [[nodiscard]] Contents kernel_contents(std::size_t map) const;

  Object object_;
  Executable executable_;
  std::deque<kernel::KernelMap> kernel_maps_;  // in the order of object_.maps()
  kernel::Descriptor kernel_program_;
};

}  // namespace skep::referee
