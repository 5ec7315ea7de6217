//! One suite over the whole registry: every source and every CRM, each with its fixtures.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod crms;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod referee;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod spec_dynamics;
#[cfg(test)]
mod spec_gohighlevel;
#[cfg(test)]
mod spec_hubspot;
#[cfg(test)]
mod spec_pipedrive;
#[cfg(test)]
mod spec_salesforce;
#[cfg(test)]
mod spec_zoho;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
