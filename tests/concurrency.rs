//! Many callers at once leave what some order of them would have left.
